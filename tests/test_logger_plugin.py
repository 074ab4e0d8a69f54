"""Snakemake's logger of this project: found by its name, quiet in runs, as ever in dry runs."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase
from snakemake_interface_logger_plugins.tests import TestLogHandlerBase
from tests.workflow.clones import environment_of, program

from concord3d.config.strict_yaml import load_yaml
from snakemake_logger_plugin_concord3d import LogHandler

SNAKEFILE = """
import logging
from pathlib import Path
from snakemake.logging import logger
from concord3d.console.expected import ExpectedJob, ExpectedRun

rule all:
    input: "report.txt"

rule train:
    output: "weights.txt"
    log: "train.log"
    shell: "{train}"

rule report:
    input: "weights.txt"
    output: "report.txt"
    log: "report.log"
    shell: "cp {{input}} {{output}}"

# As libraries do that are imported with the plan.
logging.basicConfig(level=logging.INFO)

onstart:
    numbers = {{job.rule.name: workflow.dag.jobid(job) for job in workflow.dag.needrun_jobs()}}
    jobs = {{
        numbers[name]: ExpectedJob(name, "mm_point", "row", (1,), seconds)
        for name, seconds in (("train", 3.0), ("report", 1.0))
    }}
    logger.info("2 jobs", extra={{"expected_run": ExpectedRun(jobs, 1, "make reproduce")}})
"""


class TestInterface(TestLogHandlerBase):
    """What Snakemake's interface asks of every logger."""

    __test__ = True

    def get_log_handler_cls(self) -> type[LogHandler]:
        return LogHandler

    def get_log_handler_settings(self) -> LogHandlerSettingsBase:
        return LogHandlerSettingsBase()


def flow(folder: Path, train: str) -> list[str]:
    """Write a workflow of two jobs and return its command."""
    (folder / "Snakefile").write_text(SNAKEFILE.format(train=train))
    return [program("snakemake"), "--cores", "1", "--logger", "concord3d"]


def said(repository: Path, folder: Path, train: str, *arguments: str) -> tuple[int, str]:
    completed = subprocess.run(
        [*flow(folder, train), *arguments], cwd=folder, env=environment_of(repository), text=True, capture_output=True
    )
    return completed.returncode, completed.stdout + completed.stderr


def test_a_run_is_a_line_per_job_and_the_log_file_has_the_rest(repository: Path, tmp_path: Path) -> None:
    code, text = said(repository, tmp_path, "echo 1 > {output}")
    assert code == 0, text
    lines = text.splitlines()
    assert lines[0] == "2 jobs, 1 at a time: about 4 s"
    assert re.fullmatch(r"\[1/2\] train      mm_point    row  seed 1  .+  \(about .+ left\)", lines[1])
    assert re.fullmatch(r"\[2/2\] report     mm_point    row  seed 1  .+", lines[2])
    (log,) = tmp_path.glob(".snakemake/log/*.log")
    assert lines[3:] == [f"Complete log(s): {log}"]
    assert "rule train:" in log.read_text() and "Job stats:" in log.read_text()


def test_a_failure_shows_the_log_and_the_next_command(repository: Path, tmp_path: Path) -> None:
    code, text = said(
        repository, tmp_path, "echo half > {output}; echo the loss is nan > {log}; exit 3", "--show-failed-logs"
    )
    assert code != 0
    lines = text.splitlines()
    assert lines[1].startswith("FAILED train")
    assert lines[2:6] == [
        "The last lines of train.log:",
        "  | the loss is nan",
        "Correct the cause; then this goes on where it stopped:",
        "  make reproduce",
    ]
    assert len(lines) <= 8 and "weights.txt" not in text, text


def test_a_dry_run_and_a_quiet_run_are_as_ever(repository: Path, tmp_path: Path) -> None:
    code, text = said(repository, tmp_path, "echo 1 > {output}", "--dry-run")
    assert code == 0 and "rule train:" in text and re.search(r"^total +3$", text, re.M)
    code, text = said(repository, tmp_path, "echo 1 > {output}", "--quiet", "all")
    assert (code, text) == (0, "")
    code, text = said(repository, tmp_path, "echo 1 > {output}")
    assert code == 0 and text.splitlines()[0].startswith("Nothing to be done")


def test_an_interrupted_run_ends(repository: Path, tmp_path: Path) -> None:
    started = subprocess.Popen(
        flow(tmp_path, "touch begun; sleep 60; echo 1 > {output}"),
        cwd=tmp_path, env=environment_of(repository), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
        # Tests that run in the background of a shell ignore this signal, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not (tmp_path / "begun").exists():
        assert started.poll() is None
        time.sleep(0.1)
    os.killpg(started.pid, signal.SIGINT)
    text, _ = started.communicate()
    lines = text.splitlines()
    assert started.returncode != 0
    assert lines[1:3] == ["Stopping. This goes on where it stopped:", "  make reproduce"]
    assert lines[3].startswith("STOPPED train") and "FAILED" not in text and "Traceback" not in text


@pytest.mark.parametrize("profile", ["default", "slurm", "slurm_without_accounting"])
def test_every_profile_asks_for_it(repository: Path, profile: str) -> None:
    settings = load_yaml(repository / "profiles" / profile / "config.yaml")
    assert settings["logger"] == ["concord3d"] and "printshellcmds" not in settings
