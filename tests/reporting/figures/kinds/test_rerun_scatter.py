"""Printed values against reruns."""

from __future__ import annotations

from pathlib import Path

from tests.reporting.fabricate import Fabricated, outcomes, svg


def test_synthetic_points_never_stand_beside_printed_ones(tmp_path: Path) -> None:
    world, real = Fabricated(tmp_path / "a", "demo", "synthetic"), Fabricated(tmp_path / "b")
    for made in (world, real):
        made.accuracy("mm_point", outcomes(300, 270))
    assert "MM-Point here" not in svg(world, "f8_published_against_rerun")
    text = svg(real, "f8_published_against_rerun")
    assert "MM-Point here" in text and "data_kind: real" in text
