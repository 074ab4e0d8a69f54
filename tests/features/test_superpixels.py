"""The file of superpixels, and the step that writes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.batches.streets import street_superpixels, streets

from concord3d.arrays import write_arrays
from concord3d.errors import ConfigError, UnreadableFile
from concord3d.features.encode.superpixels import encode
from concord3d.features.encode.task import EncodeTask
from concord3d.features.superpixels import read_superpixels, write_superpixels


def unopened(*told: Any) -> Any:
    raise AssertionError("an encoder was opened")


def task(folder: Path) -> EncodeTask:
    params = {"num_superpixels": 30}
    return EncodeTask({"sweeps": [folder / "s.npz"]}, [folder / "p.npz", folder / "run.json"], params, unopened, folder)


def test_a_file_holds_them_and_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_superpixels(path, street_superpixels())
    np.testing.assert_array_equal(read_superpixels(path), street_superpixels())
    for wrong in (
        {"other": street_superpixels()},
        {"superpixels": np.zeros((1, 2, 3, 4))},
        {"superpixels": np.zeros(3)},
    ):
        write_arrays(path, wrong)
        with pytest.raises(UnreadableFile, match=r"(?s)Not the superpixels.*uint8.*found"):
            read_superpixels(path)
    with pytest.raises(UnreadableFile, match="superpixels"):
        read_superpixels(tmp_path / "none.npz")


def test_the_encoding_step_cuts_the_pictures_of_a_store(tmp_path: Path) -> None:
    streets().save(tmp_path / "s.npz")
    count = encode(task(tmp_path))
    assert count.encoded == 24
    np.testing.assert_array_equal(read_superpixels(tmp_path / "p.npz"), street_superpixels())


def test_sweeps_without_pictures_have_none(tmp_path: Path) -> None:
    replace(streets(), per_sweep={}).save(tmp_path / "s.npz")
    with pytest.raises(ConfigError, match=r"(?s)without pictures.*nuscenes/train"):
        encode(task(tmp_path))
