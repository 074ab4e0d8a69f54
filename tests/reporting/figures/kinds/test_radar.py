"""Several measures around a middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.reporting.fabricate import Fabricated, svg

from concord3d.errors import ConfigError
from concord3d.protocols.evaluation.results import ProtocolResult, Record

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: radar
    title: T
    caption: C
    options:
      experiments: {a: Alpha, b: Beta, never: Never}
      dataset: nuscenes
      protocol: corrupted_segmentation
      metrics: {fog_miou: fog, snow_miou: snow, crosstalk_miou: crosstalk}
      label: mIoU (%)
"""
METRICS = ("fog_miou", "snow_miou", "crosstalk_miou")


def measured(folder: Path, experiments: tuple[str, ...] = ("a", "b"), metrics: tuple[str, ...] = METRICS) -> Fabricated:
    made = Fabricated(folder, "demo", "synthetic")
    made.report(REPORT)
    scenes = tuple(f"scene-{number:04d}" for number in range(12))
    for seed in (1, 2):
        for number, name in enumerate(experiments):
            outcomes = {m: np.random.default_rng(seed).normal(0.2 + 0.1 * number, 0.02, 12) for m in metrics}
            records = tuple(Record(m, 100 * float(v.mean()), 12, 0.0, 100.0) for m, v in outcomes.items())
            result = ProtocolResult(records, {f"{m}__last": v for m, v in outcomes.items()}, scenes)
            made.write(result, name, seed, "nuscenes", "corrupted_segmentation")
    return made


def test_one_polygon_for_each_experiment_that_is_measured(tmp_path: Path) -> None:
    text = svg(measured(tmp_path), "f")
    assert all(word in text for word in ("Alpha", "Beta", "fog", "snow", "crosstalk", "mIoU (%)"))
    assert ">Never<" not in text and "Not run at this scale: Never." in text and "data_kind: synthetic" in text
    polygons = [text.index(f"stroke: {color}; stroke-width: 1.5") for color in ("#0072b2", "#d55e00")]
    assert min(text.index(f">{circle}<") for circle in ("10", "20", "30")) > max(polygons), (
        "numbers of circles are drawn above the polygons"
    )


def test_an_experiment_that_lacks_a_measure_is_left_out(tmp_path: Path) -> None:
    made = measured(tmp_path / "whole", ("a",))
    text = svg(made, "f")
    assert ">Alpha<" in text and ">Beta<" not in text and "Not run at this scale: Beta; Never." in text
    assert "nothing to draw at scale" in svg(measured(tmp_path / "part", metrics=METRICS[:2]), "f")


def test_two_axes_are_no_radar(tmp_path: Path) -> None:
    made = measured(tmp_path)
    made.report(REPORT.replace(", crosstalk_miou: crosstalk", ""))
    with pytest.raises(ConfigError, match="metrics"):
        svg(made, "f")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    assert svg(measured(tmp_path / "a"), "f") == svg(measured(tmp_path / "b"), "f")
