"""The profiles for clusters: which partition a job goes to, what they share, and a real run on one node."""

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.workflow.clones import call, copy_tree
from tests.workflow.one_node_cluster import absent_programs, one_node_cluster

from concord3d.config.strict_yaml import load_yaml

PROFILES = ("slurm", "slurm_without_accounting")
# The graph of one small target: a world, a store, and the views that are made from both.
TARGET = "artifacts/smoke/views/shapenet__train__ring24__32.json"
TARGET_JOBS = 3
needs_slurm_plugin = pytest.mark.skipif(
    find_spec("snakemake_executor_plugin_slurm") is None, reason="the plugin for SLURM is not installed: make cluster"
)


def settings(repository: Path, profile: str) -> dict:
    return load_yaml(repository / "profiles" / profile / "config.yaml")


@needs_slurm_plugin
@pytest.mark.parametrize(("asked", "partition"), [({"gpu": 0}, "cpu"), ({"gpu": 1}, "gpu")])
def test_jobs_with_and_without_a_gpu_go_to_partitions_of_their_own(repository, asked: dict, partition: str) -> None:
    from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file

    logger = SimpleNamespace(warning=print, info=print, debug=print)
    file = repository / settings(repository, "slurm")["slurm-partition-config"]
    job = SimpleNamespace(threads=1, resources={"mem_mb": 6000, "runtime": 2880, **asked}, name="train")
    assert get_best_partition(read_partition_file(file), job, logger) == partition


def test_no_rule_runs_longer_than_the_partitions_allow(repository: Path) -> None:
    file = repository / settings(repository, "slurm")["slurm-partition-config"]
    allowed = min(limits["max_runtime"] for limits in load_yaml(file)["partitions"].values())
    rules = "".join(path.read_text() for path in (repository / "rules").glob("*.smk"))
    asked = [
        int(word)
        for line in rules.splitlines()
        if "runtime=" in line
        for word in line.replace(",", " ").split("=")[1].split()
        if word.isdigit()
    ]
    assert asked and max(asked) == allowed


def test_the_profile_without_accounting_differs_in_nothing_else(repository: Path) -> None:
    with_accounts, without = (settings(repository, name) for name in PROFILES)
    assert with_accounts["default-resources"].pop("slurm_account")
    assert without == with_accounts | {"slurm-status-command": "squeue", "slurm-no-account": True}


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_of_clusters_keep_what_the_default_profile_decides(repository: Path, profile: str) -> None:
    default, cluster = settings(repository, "default"), settings(repository, profile)
    for key in ("rerun-incomplete", "rerun-triggers", "logger", "show-failed-logs"):
        assert cluster[key] == default[key], key
    assert "slurm_partition" not in cluster["default-resources"]


@pytest.mark.slow
@pytest.mark.workflow
@needs_slurm_plugin
@pytest.mark.skipif(bool(absent_programs()), reason="SLURM is not installed here: apt-get install slurm-wlm munge")
@pytest.mark.skipif(os.geteuid() != 0, reason="the daemons of a cluster run as root")
def test_a_small_graph_runs_on_a_cluster_of_one_node(repository: Path, tmp_path: Path) -> None:
    clone = copy_tree(repository, tmp_path / "clone")
    with one_node_cluster(tmp_path / "cluster") as variables:
        completed = call(
            clone, "snakemake", "--workflow-profile", "profiles/slurm_without_accounting",
            "--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks", "2",
            "--config", "scale=smoke", "--", TARGET, **variables,
        )  # fmt: skip
        assert completed.returncode == 0, completed.stdout[-2000:] + completed.stderr[-5000:]
        told = subprocess.run(
            ["scontrol", "show", "job", "--oneliner"], env={**os.environ, **variables}, text=True, capture_output=True
        ).stdout
    jobs = re.findall(r"JobState=(\w+) .* Partition=(\w+) ", told)
    assert jobs == [("COMPLETED", "cpu")] * TARGET_JOBS, told
    lines = completed.stderr.splitlines()
    assert sum(line.startswith("[") for line in lines) == TARGET_JOBS, completed.stderr
    assert (clone / TARGET).is_file()
