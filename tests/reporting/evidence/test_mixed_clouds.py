"""Files of mixed clouds are read whole or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reporting.fabricate import Fabricated

from concord3d.errors import ConcordError, ReportingError, UnreadableFile
from concord3d.reporting.evidence.mixed_clouds import read_mixed_clouds


def arrays(num_points: int = 60) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (2, 3, num_points, 6)).astype(np.float32)
    points[..., 3:] = np.abs(points[..., 3:])
    return {
        "points": points,
        "source": rng.uniform(0, 1, (2, 3, num_points)),
        "operators": np.array(["point_cut_mix_r", "fps_mix"]),
        "weights": np.array([0.1, 0.5, 0.9]),
        "ratio": np.array([[0.1, 0.5, 0.9], [0.11, 0.52, 0.93]]),
        "shape_names": np.array(["chair", "lamp"]),
        "dataset": np.array("modelnet40"),
        "data_kind": np.array("synthetic"),
    }


def stored(made: Fabricated, changes: dict[str, Any] | None = None) -> Path:
    path = made.root / "artifacts" / "figures" / "mixed_clouds.npz"
    path.parent.mkdir(parents=True)
    kept = {key: value for key, value in {**arrays(), **(changes or {})}.items() if value is not None}
    np.savez(path, **kept)
    return path


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"ratio": None}, ReportingError, "lack arrays"),
        ({"ratio": np.zeros((3, 2))}, ReportingError, "other shapes"),
        ({"points": np.zeros((2, 3, 60, 2))}, ReportingError, "other shapes"),
        ({"points": np.zeros((3, 2, 60, 6))}, ReportingError, "other shapes"),
        ({"points": np.full((2, 3, 60, 6), np.nan)}, ReportingError, "impossible values"),
        ({"source": np.full((2, 3, 60), 1.5)}, ReportingError, "impossible values"),
        ({"operators": np.array([object(), object()])}, UnreadableFile, "Cannot read"),
    ],
)
def test_clouds_that_cannot_be_right_are_refused(
    tmp_path: Path, changes: dict[str, Any], error: type[ConcordError], message: str
) -> None:
    path = stored(Fabricated(tmp_path), changes)
    with pytest.raises(error, match=message) as caught:
        read_mixed_clouds(path)
    assert path.name in str(caught.value)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = stored(Fabricated(tmp_path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UnreadableFile, match="Cannot read mixed clouds"):
        read_mixed_clouds(path)
