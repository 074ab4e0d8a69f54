"""Which experiments tell of a spread, what is paired, and what deviates together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.addresses import Address, HistoryAddress, Leaf
from concord3d.reporting.evidence.joint_numbers import Joint, MeasuredNumber, SeedSpreads, variance_of_ends

Outcomes = Mapping[Leaf, Sequence[Sequence[float]] | NDArray[np.float64]]
RNG = np.random.default_rng(0)


def address(experiment: str, metric: str = "accuracy", dataset: str = "set") -> Address:
    return Address(experiment, dataset, "protocol", metric)


def numbers_of(outcomes: Outcomes, names: Mapping[Leaf, tuple[str, ...]] | None = None) -> dict[Leaf, MeasuredNumber]:
    """Make numbers of (R, S) outcomes with seeds 1, 2, ..."""
    found = {}
    for leaf, rows in outcomes.items():
        by_seed = {seed: np.asarray(row, dtype=float) for seed, row in enumerate(rows, start=1)}
        items = tuple(f"item {n}" for n in range(len(by_seed[1])))
        given = (names or {}).get(leaf, () if isinstance(leaf, HistoryAddress) else items)
        found[leaf] = MeasuredNumber(by_seed, given, "real", "%")
    return found


def joint_of(
    outcomes: Outcomes, trained: str, asked: Sequence[Leaf], names: Mapping[Leaf, tuple[str, ...]] | None = None
) -> Joint:
    numbers = numbers_of(outcomes, names)
    return SeedSpreads(numbers.get, trained).joint({leaf: numbers[leaf] for leaf in asked})


def seeds_variance(joint: Joint, weights: Sequence[float]) -> float:
    """Return what seeds give to a combination, the items' noise included."""
    w = np.array(weights)
    return float(sum(w @ part.scale @ w for part in joint.means.seeds))


def test_trained_experiments_share_a_spread_and_untrained_ones_have_their_own() -> None:
    outcomes: dict[Leaf, NDArray[np.float64]] = {address(name): RNG.normal(size=(2, 30)) for name in "abcde"}
    outcomes[address("untrained")] = np.ones((3, 30))
    asked = [address("a"), address("untrained")]
    joint = joint_of(outcomes, "abcde", asked)
    assert seeds_variance(joint, [0, 1]) == pytest.approx(0, abs=1e-12)
    within = [outcomes[address(name)].mean(axis=1).var(ddof=1) for name in "abcde"]
    assert seeds_variance(joint, [1, 0]) == pytest.approx(np.mean(within) / 2)
    alone = joint_of(outcomes, "", asked)
    assert seeds_variance(alone, [1, 0]) == pytest.approx(within[0] / 2)


def test_each_number_counts_all_its_seeds() -> None:
    outcomes = {address("a"): RNG.normal(size=(5, 20)), address("b"): RNG.normal(size=(2, 20))}
    joint = joint_of(outcomes, "ab", list(outcomes))
    assert joint.means.values == pytest.approx([rows.mean() for rows in outcomes.values()])
    assert joint.means.items[0].outcomes == pytest.approx(np.stack([rows.mean(axis=0) for rows in outcomes.values()]))
    assert sum(part.freedom for part in joint.means.seeds) == 5


def test_one_seed_takes_the_spread_of_others_and_is_named_where_there_is_none() -> None:
    outcomes = {address("a"): RNG.normal(size=(3, 20)), address("b"): RNG.normal(size=(1, 20))}
    assert joint_of(outcomes, "ab", [address("b")]).without_spread == ()
    lacking = joint_of(outcomes, "a", [address("a"), address("b")])
    assert lacking.without_spread == ("b",) and lacking.means.seeds


def test_two_metrics_of_a_training_deviate_together() -> None:
    outcomes: dict[Leaf, NDArray[np.float64]] = {}
    for name in "abcd":
        outcomes[address(name)] = RNG.normal(size=(2, 20))
        outcomes[address(name, "twice")] = 2 * outcomes[address(name)]
    joint = joint_of(outcomes, "abcd", [address("a"), address("a", "twice")])
    assert seeds_variance(joint, [2, -1]) == pytest.approx(0, abs=1e-12)
    assert joint.means.uncertainty([2, -1]).variance == pytest.approx(0, abs=1e-12)


def test_metrics_that_not_all_have_deviate_each_by_itself() -> None:
    outcomes: dict[Leaf, NDArray[np.float64]] = {address(name): RNG.normal(size=(2, 20)) for name in "abc"}
    outcomes[address("a", "other")] = RNG.normal(size=(2, 20))
    joint = joint_of(outcomes, "abc", [address("b"), address("a", "other")])
    both = seeds_variance(joint, [1, 1])
    assert both == pytest.approx(seeds_variance(joint, [1, 0]) + seeds_variance(joint, [0, 1])) and both > 0


def test_data_sets_are_paired_over_seeds_and_not_over_items() -> None:
    outcomes = {address(name, dataset=where): RNG.normal(size=(3, 20)) for name in "ab" for where in ("here", "there")}
    joint = joint_of(outcomes, "ab", list(outcomes))
    assert [group.numbers for group in joint.means.items] == [(0, 2), (1, 3)] and joint.means.num_items == 40


def test_items_that_differ_between_experiments_leave_the_noise_in_the_spread() -> None:
    outcomes = {address(name): RNG.normal(size=(2, 20)) for name in "abc"}
    names: dict[Leaf, tuple[str, ...]] = {address("c"): tuple(f"other {n}" for n in range(20))}
    joint = joint_of(outcomes, "abc", [address("a")], names=names)
    assert all((part.covariance == part.scale).all() for part in joint.means.seeds)
    with pytest.raises(ReportingError, match="same test items"):
        joint_of(outcomes, "abc", [address("a"), address("c")], names=names)


def test_figures_of_a_training_have_seeds_alone() -> None:
    leaves: list[Leaf] = [HistoryAddress(name, "bound", at) for name in "ab" for at in ("first", "last")]
    joint = joint_of({leaf: RNG.normal(size=(3, 1)) for leaf in leaves}, "ab", leaves)
    assert not joint.means.items and joint.means.num_items == 0 and joint.means.has_spread


def test_unknown_outcomes_bring_the_variance_of_their_record() -> None:
    assert variance_of_ends(10 - 1.959964, 10 + 1.959964) == pytest.approx(1)
    leaf = address("a")
    number = replace(numbers_of({leaf: [[1.0], [3.0]]}, {leaf: ()})[leaf], item_variance=0.25)
    joint = SeedSpreads({leaf: number}.get, "a").joint({leaf: number})
    assert joint.means.uncertainty([1.0]).variance == pytest.approx(0.25 + 1.0)
