"""Sweeps as a file of floats: what is read is what was written, and as many points as the size of the file says."""

from pathlib import Path

import numpy as np
import pytest

from concord3d.data.formats.float_sweeps import count_points, read_points
from concord3d.errors import BadCloud, UnreadableFile


@pytest.mark.parametrize("num_values", [4, 5])
def test_points_are_read_as_they_were_written(tmp_path: Path, num_values: int) -> None:
    values = np.random.default_rng(num_values).normal(size=(7, num_values)).astype(np.float32)
    path = tmp_path / "sweep.bin"
    path.write_bytes(values.astype("<f4").tobytes())
    assert count_points(path, num_values) == 7
    assert np.array_equal(read_points(path, num_values), values)


@pytest.mark.parametrize("lacking", [1, 4, 16])
def test_a_truncated_sweep_is_named(tmp_path: Path, lacking: int) -> None:
    path = tmp_path / "sweep.bin"
    path.write_bytes(bytes(3 * 20 - lacking))
    with pytest.raises(UnreadableFile, match=r"(?s)truncated.*sweep\.bin.*a multiple of 20 bytes"):
        count_points(path, 5)


def test_an_empty_sweep_is_named(tmp_path: Path) -> None:
    (tmp_path / "sweep.bin").touch()
    with pytest.raises(BadCloud, match=r"(?s)no points.*sweep\.bin"):
        count_points(tmp_path / "sweep.bin", 4)
