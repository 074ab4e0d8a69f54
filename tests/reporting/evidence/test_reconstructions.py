"""Examples of reconstructions as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reporting.fabricate import Fabricated

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.reconstructions import read_reconstructions
from concord3d.reporting.specs.output_files import reconstruction_file


def arrays(num: int = 3, with_points: bool = True, side: int = 12) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    groups = rng.normal(size=(num, 5, 4, 3))
    found = {
        "dataset": np.array("modelnet40"),
        "data_kind": np.array("synthetic"),
        "names": np.array([f"shape {n}" for n in range(num)]),
        "pictures": rng.integers(0, 255, (num, side, side, 3), dtype=np.uint8),
        "predicted_pictures": rng.integers(0, 255, (num, side, side, 3), dtype=np.uint8),
        "hidden_patches": rng.random((num, 3, 3)) < 0.4,
        "groups": groups,
        "hidden_groups": np.tile(np.array([True, False, True, False, False]), (num, 1)),
    }
    return found | ({"predicted_groups": groups + 0.1} if with_points else {})


def stored(made: Fabricated, experiment: str, **kinds: Any) -> None:
    path = made.root / "artifacts" / reconstruction_file(experiment)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays(**kinds))


@pytest.mark.parametrize("with_points", [True, False])
def test_what_was_written_is_read(tmp_path: Path, with_points: bool) -> None:
    np.savez(tmp_path / "r.npz", **arrays(with_points=with_points))
    found = read_reconstructions(tmp_path / "r.npz")
    assert found["pictures"].shape == (3, 12, 12, 3) and ("predicted_groups" in found) == with_points


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"names": None}, "lack arrays"),
        ({"predicted_pictures": np.zeros((3, 8, 8, 3), np.uint8)}, "do not fit together"),
        ({"hidden_groups": np.zeros((3, 4), bool)}, "do not fit together"),
        ({"hidden_patches": np.zeros((3, 5, 5), bool)}, "do not fit together"),
        ({"predicted_groups": np.full((3, 5, 4, 3), np.nan)}, "impossible values"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any], match: str) -> None:
    content = {key: value for key, value in (arrays() | change).items() if value is not None}
    np.savez(tmp_path / "r.npz", **content)
    with pytest.raises(ReportingError, match=match):
        read_reconstructions(tmp_path / "r.npz")
