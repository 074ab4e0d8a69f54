"""Printed values against reruns."""

from __future__ import annotations

import re
from pathlib import Path

from tests.reporting.fabricate import Fabricated, outcomes, svg


def test_synthetic_points_never_stand_beside_printed_ones(tmp_path: Path) -> None:
    world, real = Fabricated(tmp_path / "a", "demo", "synthetic"), Fabricated(tmp_path / "b")
    for made in (world, real):
        made.accuracy("mm_point", outcomes(300, 270))
    assert "MM-Point, here" not in svg(world, "f8_published_against_rerun")
    text = svg(real, "f8_published_against_rerun")
    assert "MM-Point, here: " in text and "data_kind: real" in text


def test_far_points_do_not_squeeze_the_others(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(300, 270))
    made.accuracy("random_init", outcomes(1000, 990))
    text = svg(made, "f8_published_against_rerun")
    [number] = re.findall(r"beyond its axis: (\d+)\.", text)
    # Of what is near, the number stands at the point on the left as well.
    assert text.count(f">{number}<") == 0 and text.count(f">{int(number) - 1}<") == 1
    assert ">+28.4<" in text, "the arrow tells the difference"
