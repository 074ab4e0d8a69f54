"""A report of one figure that shows arrays, and evaluations that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.reporting.fabricate import Fabricated

from concord3d.protocols.evaluation.results import ProtocolResult, Record


def one_figure(made: Fabricated, kind: str, options: str) -> None:
    """Let a report have figure ``f`` of a kind, with options as YAML."""
    made.report(
        "paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\n"
        f"figures: [{{id: f, kind: {kind}, title: T, caption: C, options: {options}}}]\n"
    )


def kept(made: Fabricated, experiment: str, arrays: Mapping[str, NDArray[Any]], protocol: str = "distillation") -> None:
    """Write an evaluation on nuScenes that keeps arrays."""
    result = ProtocolResult((Record("pair_top1", 50.0, 2, 40.0, 60.0),), {}, (), {}, arrays)
    made.write(result, experiment, 1, "nuscenes", protocol)


def points(num: int = 40) -> NDArray[np.float16]:
    """Return points around a sensor, half of them one metre below it."""
    found = np.random.default_rng(0).uniform(-20, 20, (num, 3))
    found[:, 2] = np.where(np.arange(num) % 2, -1.0, 1.5)
    return found.astype(np.float16)
