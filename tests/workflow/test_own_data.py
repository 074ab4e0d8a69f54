"""What ``evaluate`` says of encoders of the smoke run on its data is what the pipeline says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from concord3d.own_data import Reading, evaluate_data, read_own_data
from concord3d.pretrained import load_encoder
from concord3d.pretrained.release import Release, write_release

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize(
    ("paper", "experiment", "protocol"),
    [
        ("mm_point", "mm_point", "linear_svm"),
        ("mm_mixing", "full", "linear_svm"),
        ("mm_mixing", "full", "zero_shot"),
        ("mm_mixing", "full", "linear_probe"),
        ("mm_mixing", "baseline", "few_shot_probe"),
    ],
)
def test_rows_on_modelnet40_are_those_of_the_pipeline(
    smoke_run: Path, paper: str, experiment: str, protocol: str
) -> None:
    encoder = load_encoder(f"smoke/{paper}/{experiment}@s1", smoke_run)
    data = read_own_data(smoke_run / "artifacts/smoke/stores/modelnet40", Reading(encoder.num_points))
    found = evaluate_data(data, encoder, protocol).result
    stem = smoke_run / f"artifacts/smoke/{paper}/eval/{experiment}__modelnet40__{protocol}__s1"
    expected = json.loads(Path(f"{stem}.json").read_text())["records"]
    last = [record for record in expected if record["selection"] == "last"]
    assert last and [vars(record) for record in found.records] == last
    outcomes = np.load(f"{stem}.npz")
    for name, values in found.items.items():
        np.testing.assert_array_equal(values, outcomes[name])


def test_a_released_encoder_and_its_tower_give_the_same_rows(smoke_run: Path, tmp_path: Path) -> None:
    name = "smoke/mm_mixing/full@s1"
    digest, _ = write_release(smoke_run, "smoke", tmp_path / "encoders.tar", [name])
    released = Release.open(str(tmp_path / "encoders.tar"), digest, tmp_path / "cache").encoder(name)
    own = load_encoder(name, smoke_run)
    data = read_own_data(smoke_run / "artifacts/smoke/stores/modelnet40", Reading(own.num_points))
    rows = [evaluate_data(data, encoder, "zero_shot").result.records for encoder in (released, own)]
    assert rows[0] == rows[1]
