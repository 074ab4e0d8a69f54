"""Hidden parts and what a student predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.protocols.evaluation.small_branches import GROUP, GROUPS, PATCH, SIDE, small_data, small_student

from concord3d.features.preprocess import Preprocess
from concord3d.geometry.weak_strong_settings import WeakStrongSettings
from concord3d.methods.cross_most.settings import CrossMoSTSettings
from concord3d.protocols.evaluation import reconstruction_examples as module
from concord3d.protocols.evaluation.reconstruction_examples import reconstruction_examples
from concord3d.reporting.evidence.reconstructions import read_reconstructions

RUN = {"tower": {"model": "small"}}


@pytest.fixture(autouse=True)
def preprocess(monkeypatch: pytest.MonkeyPatch) -> Preprocess:
    made = Preprocess(SIDE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    monkeypatch.setattr(module, "tower_preprocess", lambda model, weights: made)
    return made


def settings_of(target: str) -> CrossMoSTSettings:
    return CrossMoSTSettings(mpm_target=target, clouds=WeakStrongSettings(num_points=40, upsampled="none"))


def examples(target: str = "points", labelled: bool = True, num: int = 4) -> dict[str, NDArray[Any]]:
    data = small_data(labelled=labelled)
    return reconstruction_examples(RUN, settings_of(target), small_student(target == "points"), data, num)


def test_the_reader_reads_them(tmp_path: Path) -> None:
    found = examples()
    np.savez(tmp_path / "r.npz", **found, data_kind=np.array("synthetic"))
    read = read_reconstructions(tmp_path / "r.npz")
    assert read["pictures"].shape == (4, SIDE, SIDE, 3) and read["groups"].shape == (4, GROUPS, GROUP, 3)
    assert read["hidden_patches"].shape == (4, SIDE // PATCH, SIDE // PATCH) and read["hidden_groups"].any(1).all()
    assert read["names"].tolist() == ["bed", "bed", "bed", "bed"], "objects 0, 3, 6 and 9 of 10, three classes"


def test_pictures_are_what_the_student_saw_and_predictions_are_its_own() -> None:
    found, data, student = examples(), small_data(), small_student(True)
    units = np.array([0, 3, 6, 9])
    shown = data.pictures.read(units, torch.Generator().manual_seed(0))
    expected = (255 * (shown.pixels * 0.25 + 0.5)).round().clamp(0, 255).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(found["pictures"], expected.astype(np.uint8))
    with torch.no_grad():
        said = student.eval().of_pictures(shown.strong, False, torch.from_numpy(found["hidden_patches"]))
        pixels = student.pixel_decoder(said.tokens) * 0.25 + 0.5
    expected = (255 * pixels).round().clamp(0, 255).permute(0, 2, 3, 1).numpy().astype(np.uint8)
    assert np.array_equal(found["predicted_pictures"], expected)


def test_groups_are_predicted_as_points_only_where_they_are_learnt_so() -> None:
    assert "predicted_groups" not in examples("token")
    found = examples("points")
    own = small_student(True).group_head
    assert own.out_features == 3 * GROUP and found["predicted_groups"].shape == found["groups"].shape


def test_without_labels_objects_have_numbers() -> None:
    assert examples(labelled=False)["names"].tolist() == ["object 0", "object 3", "object 6", "object 9"]


def test_there_are_no_more_examples_than_objects() -> None:
    assert len(examples(num=99)["names"]) == 10


def test_the_same_seed_gives_the_same_examples() -> None:
    first, second = examples(), examples()
    assert all(np.array_equal(first[key], second[key]) for key in first)
