"""Every seed, and the published value beside real data."""

from __future__ import annotations

from pathlib import Path

from tests.reporting.fabricate import Fabricated, outcomes, svg


def test_the_published_line_stands_beside_real_data_only(tmp_path: Path) -> None:
    world, real = Fabricated(tmp_path / "a", "demo", "synthetic"), Fabricated(tmp_path / "b")
    for made in (world, real):
        made.accuracy("mm_point", outcomes(300, 270))
    assert "published MM-Point, 92.4" in svg(real, "seeds") and "92.4" not in svg(world, "seeds")
