"""Mixed clouds per operator and weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from tests.reporting.fabricate import Fabricated
from tests.reporting.figures.test_drawing import svg

from concord3d.errors import ConcordError, ReportingError, UnreadableFile
from concord3d.reporting.evidence.mixed_clouds import read_mixed_clouds
from concord3d.reporting.figures.kinds.mixed_clouds import source_colors
from concord3d.reporting.figures.style import COLORS

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: mixed_clouds
    title: T
    caption: C
    options: {file: figures/mixed_clouds.npz, labels: {point_cut_mix_r: PointCutMix-R}, num_points: 40}
"""


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
    made.report(REPORT)
    path = made.root / "artifacts" / "figures" / "mixed_clouds.npz"
    path.parent.mkdir(parents=True)
    kept = {key: value for key, value in {**arrays(), **(changes or {})}.items() if value is not None}
    np.savez(path, **kept)
    return path


def test_operators_across_weights_down_and_the_realised_share_below(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    stored(made)
    text = svg(made, "f")
    assert "PointCutMix-R" in text and "fps_mix" in text, "an operator without a label keeps its name"
    assert all(f"λ = {weight:g}" in text for weight in (0.1, 0.5, 0.9)) and "0.93" in text
    assert "chair" in text and "lamp" in text and "data_kind: synthetic" in text


def test_the_same_clouds_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        stored(made)
        texts.append(svg(made, "f"))
    assert texts[0] == texts[1]


def test_clouds_that_were_not_made_are_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    assert "needs the mixed clouds of figures/mixed_clouds.npz" in svg(made, "f")


def test_colours_say_which_shape_a_point_comes_from() -> None:
    colors = source_colors(np.array([1.0, 0.0, 0.5]))
    first, second = np.array(to_rgb(COLORS[0])), np.array(to_rgb(COLORS[1]))
    assert np.allclose(colors, [first, second, (first + second) / 2])


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
