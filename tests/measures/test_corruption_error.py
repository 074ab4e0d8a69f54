"""Corruption errors: the printed rows of the field come out of their printed parts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from concord3d.data.corruptions import CORRUPTIONS
from concord3d.errors import EvaluationError
from concord3d.measures.corruption_error import corruption_errors, resilience_rates
from concord3d.protocols.corrupted_segmentation import MINKUNET_18

REFERENCE = np.array([MINKUNET_18[name] for name in CORRUPTIONS]) / 100
PRINTED = ("Fog", "Wet ground", "Snow", "Motion blur", "Beam missing", "Crosstalk", "Incomplete echo", "Cross-sensor")
# Printed mIoU without corruption, fine-tuned with all labels.
CLEAN = {"Random init": 74.66, "SLidR": 74.79}


@pytest.fixture(scope="module")
def printed(repository: Path) -> dict[tuple[str, str, str], float]:
    with (repository / "papers/cmcr/published.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["table"] == "robustness" and row["value"]]
    return {(row["method"], row["setting"], row["metric"]): float(row["value"]) for row in rows}


@pytest.mark.parametrize("method", CLEAN)
def test_printed_rows_follow_from_their_corruptions(printed: dict[tuple[str, str, str], float], method: str) -> None:
    setting = "full fine-tuning; corruption {}, mean of 3 severities; MinkUNet-34"
    miou = np.array([printed[method, setting.format(name), "mIoU"] for name in PRINTED]) / 100
    # One severity stands for the mean of three.
    mce = 100 * corruption_errors(miou[:, None], REFERENCE).mean()
    mrr = 100 * resilience_rates(miou[:, None], CLEAN[method] / 100).mean()
    whole = "full fine-tuning; MinkUNet-34"
    assert round(float(mce), 2) == printed[method, whole, "mCE"]
    assert round(float(mrr), 2) == printed[method, whole, "mRR"]
    if method == "Random init":
        assert (round(float(mce), 2), round(float(mrr), 2)) == (112.20, 72.57)


def test_severities_are_added_up_before_they_are_divided() -> None:
    miou = np.array([[[0.2, 0.4, 0.9], [0.1, 0.1, 0.1]], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]])
    np.testing.assert_allclose(corruption_errors(miou, [0.5, 0.1]), [[1.0, 1.0], [2.0, 0.0]])
    np.testing.assert_allclose(resilience_rates(miou, [0.5, 2.0]), [[1.0, 0.2], [0.0, 0.5]])


def test_a_reference_without_errors_and_a_network_without_hits_have_none() -> None:
    with pytest.raises(EvaluationError, match="No reference"):
        corruption_errors([[0.5]], [1.0])
    with pytest.raises(EvaluationError, match="No reference"):
        corruption_errors([[0.5]], [0.5, 0.5])
    with pytest.raises(EvaluationError, match="nothing is segmented"):
        resilience_rates([[0.5]], 0.0)
