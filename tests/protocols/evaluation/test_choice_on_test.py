"""Choices on the test split."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.protocols.evaluation.choice_on_test import accuracy_curves, best_on_test

TESTED = {
    ("epoch_0001", 0.1): np.array([1.0, 0, 0, 0]),
    ("epoch_0001", 10.0): np.array([1.0, 1, 1, 0]),
    ("last", 0.1): np.array([0.0, 1, 1, 1]),
    ("last", 10.0): np.array([1.0, 1, 0, 0]),
    ("last", 0.3): np.array([1.0, 1, 1, 1]),
}


def test_curves_hold_the_costs_that_were_asked_for() -> None:
    assert accuracy_curves(TESTED, (10.0, 0.1)) == {
        "epoch_0001": {"0.1": 25.0, "10": 75.0},
        "last": {"0.1": 75.0, "10": 50.0},
    }


def test_the_best_of_all_and_the_first_of_equals() -> None:
    correct, chosen = best_on_test(TESTED)
    assert correct.mean() == 1 and (chosen["checkpoint"], chosen["cost"]) == ("last", 0.3)
    assert chosen["test_accuracy_by_checkpoint"] == {"epoch_0001": 75.0, "last": 100.0}
    equal = {place: TESTED[place] for place in (("last", 0.1), ("epoch_0001", 10.0), ("last", 10.0))}
    correct, chosen = best_on_test(equal)
    assert (chosen["checkpoint"], chosen["cost"]) == ("last", 0.1)
    np.testing.assert_array_equal(correct, TESTED["last", 0.1])
    with pytest.raises(ValueError):
        best_on_test({})
