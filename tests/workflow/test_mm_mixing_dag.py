"""MM-Mixing's graph, end to end: a tower, its features, two stages, and comparisons with the tower."""

import csv
import json
from pathlib import Path

import pytest
from tests.workflow.clones import call, copy_tree

pytestmark = pytest.mark.workflow

SMOKE = ("--cores", "2", "--config", "scale=smoke", "papers=[mm_mixing]")


@pytest.fixture(scope="module")
def mixing_run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which MM-Mixing's smoke DAG has run."""
    folder = copy_tree(repository, tmp_path_factory.mktemp("mixing"))
    completed = call(folder, "snakemake", *SMOKE)
    assert completed.returncode == 0, completed.stderr[-5000:]
    return folder


def test_every_protocol_leaves_numbers(mixing_run: Path) -> None:
    with (mixing_run / "results/smoke/mm_mixing/metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    protocols = {row["protocol"] for row in rows}
    assert protocols == {"zero_shot", "retrieval", "linear_probe", "few_shot_probe", "alignment", "consistency"}
    assert {row["experiment"] for row in rows} == {"random_init", "baseline", "stage1", "full"}
    assert {row["data_kind"] for row in rows} == {"synthetic"}


def test_the_second_stage_names_its_teacher(mixing_run: Path) -> None:
    train = mixing_run / "artifacts/smoke/mm_mixing/train"
    record = json.loads((train / "full__s1" / "provenance.json").read_text())
    assert record["config"]["teacher"]["experiment"] == "stage1"
    assert {"clouds", "image_features", "text_features", "teacher"} == set(record["inputs"])
    history = json.loads((train / "full__s1" / "train.json").read_text())["history"]
    assert {"input_teacher", "input_image", "clean_text"} <= set(history[-1])


def test_a_second_call_encodes_and_trains_nothing(mixing_run: Path) -> None:
    completed = call(mixing_run, "snakemake", *SMOKE, "--dry-run")
    assert "Nothing to be done" in completed.stdout + completed.stderr


def test_features_are_taken_from_the_store_when_only_their_index_is_gone(mixing_run: Path) -> None:
    folder = mixing_run / "artifacts/smoke/features/concord_tiny"
    index = folder / "ensembled__train__ring12__32__images.json"
    before = index.read_bytes()
    index.unlink()
    target = str(index.relative_to(mixing_run))
    completed = call(mixing_run, "snakemake", *SMOKE, "--", target)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert index.read_bytes() == before
    assert json.loads(index.with_name(index.stem + ".run.json").read_text())["encoded"] == 0
