"""The linear model of two modalities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import one_figure

from concord3d.reporting.figures.kinds.shared_and_specific import Options, mean_errors


def test_the_figure_needs_no_data(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "shared_and_specific", "{models: 3, reconstruction: {BOTH: 4.0}}")
    text = svg(made, "f")
    assert "agreement alone" in text and "BOTH" in text and "data_kind: none" in text


def test_agreement_loses_what_the_sweep_alone_knows_and_separate_features_do_not() -> None:
    shares = np.array([0.0, 1.0])
    errors = mean_errors(Options(models=20, reconstruction={"mixed": 64.0}), shares)
    agreement, mixed, decoupled, bound = errors.values()
    assert agreement[0] < mixed[0] and agreement[1] > 0.9, "agreement knows what is shared and little else"
    assert decoupled[1] < 0.8 * agreement[1] and decoupled[0] < mixed[0]
    assert all((found >= bound - 1e-9).all() for found in (agreement, mixed, decoupled))
