"""Figures: stamped, the same bytes each time, honest about what was not run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.errors import ConfigError
from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.figure_maps import project
from concord3d.reporting.report import build_figure


def svg(made: Fabricated, name: str) -> str:
    build_figure(made.inputs, name)
    assert (made.inputs.out / "figures" / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    return (made.inputs.out / "figures" / f"{name}.svg").read_text()


def test_synthetic_points_never_stand_beside_printed_ones(tmp_path: Path) -> None:
    world, real = Fabricated(tmp_path / "a", "demo", "synthetic"), Fabricated(tmp_path / "b")
    for made in (world, real):
        made.accuracy("mm_point", outcomes(300, 270))
    assert "MM-Point here" not in svg(world, "f8_published_against_rerun")
    text = svg(real, "f8_published_against_rerun")
    assert "MM-Point here" in text and "data_kind: real" in text


def test_the_published_line_stands_beside_real_data_only(tmp_path: Path) -> None:
    world, real = Fabricated(tmp_path / "a", "demo", "synthetic"), Fabricated(tmp_path / "b")
    for made in (world, real):
        made.accuracy("mm_point", outcomes(300, 270))
    assert "published MM-Point, 92.4" in svg(real, "seeds") and "92.4" not in svg(world, "seeds")


def test_part_renders(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (2, 64))
    arrays = {
        "example_points": rng.normal(size=(2, 64, 3)),
        "example_truth": truth,
        "example_predicted": truth,
        "example_category": np.array([1, 0]),
        "class_names": np.array(["airplane", "bag"]),
    }
    result = ProtocolResult((Record("instance_miou", 50.0, 2, 40.0, 60.0),), {}, (), {}, arrays)
    made.write(result, "mm_point_partseg", 1, "shapenetpart", "part_segmentation")
    text = svg(made, "f7_part_segmentation")
    assert "bag" in text and "100 % of points" in text and "data_kind: real" in text


def test_projection_keeps_lengths_and_puts_up_upwards() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert np.allclose(np.linalg.norm(project(points), axis=1), np.linalg.norm(points, axis=1))
    up = project(np.array([[0.0, 1.0, 0.0]]))[0]
    front = project(np.array([[0.0, 0.0, 1.0]]))[0]
    assert up[1] > 0.9 and abs(up[0]) < 1e-12 and front[2] > 0.5


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(
        "paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n"
        "  - {id: f, kind: bars, title: T, caption: C, options: {experiment: {a: b}, datasets: [modelnet40]}}\n"
    )
    with pytest.raises(ConfigError, match="did you mean 'experiments'"):
        build_figure(made.inputs, "f")
