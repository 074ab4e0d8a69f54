"""MM-Mixing's graph, end to end: a tower, its features, two stages, and comparisons with the tower."""

import csv
import json
from pathlib import Path

import pytest
from tests.workflow.clones import call

pytestmark = pytest.mark.workflow

SMOKE = ("--cores", "2", "--config", "scale=smoke")


def test_every_protocol_leaves_numbers(smoke_run: Path) -> None:
    with (smoke_run / "results/smoke/mm_mixing/metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    protocols = {row["protocol"] for row in rows}
    assert protocols == {
        *("zero_shot", "retrieval", "linear_probe", "few_shot_probe", "alignment", "consistency", "linear_svm")
    }
    assert {row["experiment"] for row in rows} == {"random_init", "baseline", "stage1", "full"}
    assert {row["data_kind"] for row in rows} == {"synthetic"}


def test_the_second_stage_names_its_teacher(smoke_run: Path) -> None:
    train = smoke_run / "artifacts/smoke/mm_mixing/train"
    record = json.loads((train / "full__s1" / "provenance.json").read_text())
    assert record["config"]["needs"]["teacher"]["experiment"] == "stage1"
    assert {"clouds", "image_features", "text_features", "needs_teacher"} == set(record["inputs"])
    history = json.loads((train / "full__s1" / "train.json").read_text())["history"]
    assert {"input_teacher", "input_image", "clean_text"} <= set(history[-1])


def test_figures_have_their_examples(smoke_run: Path) -> None:
    for name, words in {"f3_mixed_clouds": "PointCutMix-R", "f4_retrieval": "by text"}.items():
        assert words in (smoke_run / f"results/smoke/mm_mixing/figures/{name}.svg").read_text()


def test_the_encoders_of_both_papers_stand_in_one_table(smoke_run: Path) -> None:
    with (smoke_run / "results/smoke/cross/encoders.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    shared = {(row["protocol"], row["paper"]) for row in rows if row["n_papers"] == "2"}
    assert {("linear_svm", "mm_point"), ("linear_svm", "mm_mixing")} <= shared


def test_features_are_taken_from_the_store_when_only_their_index_is_gone(smoke_run: Path) -> None:
    folder = smoke_run / "artifacts/smoke/features/concord_tiny"
    index = folder / "ensembled__train__ring12__32__images.json"
    before = index.read_bytes()
    index.unlink()
    target = str(index.relative_to(smoke_run))
    completed = call(smoke_run, "snakemake", *SMOKE, "--", target)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert index.read_bytes() == before
    assert json.loads(index.with_name(index.stem + ".run.json").read_text())["encoded"] == 0
