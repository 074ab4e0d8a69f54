"""A rerun beside its reference, on fabricated results."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.reporting.evidence.measurements import Measurement
from concord3d.reporting.reruns.comparing import SECOND_DRAW, SIGNIFICANCE, Comparison, compare
from concord3d.reporting.reruns.reported import Cell, Reported


def row(experiment: str = "full", seed: int = 1, metric: str = "top1", value: float = 50.0, half: float = 4.0,
        dataset: str = "modelnet40") -> Measurement:  # fmt: skip
    return Measurement(
        experiment, "a label", seed, "demo", "synthetic", dataset, "zero_shot", metric, value, 480, value - half,
        value + half, "last", "%",
    )  # fmt: skip


def reported(rows: list[Measurement], **verdicts: str) -> Reported:
    cells = [Cell(r.experiment, r.dataset, r.data_kind, r.protocol, r.metric, r.selection, r.seed) for r in rows]
    return Reported(dict(zip(cells, rows, strict=True)), verdicts)


def moved(rows: list[Measurement], by: float) -> list[Measurement]:
    return [replace(r, value=r.value + by, ci_low=r.ci_low + by, ci_high=r.ci_high + by) for r in rows]


def counts(comparison: Comparison) -> tuple[int, int, int]:
    return comparison.num_identical, comparison.num_inside, len(comparison.outside)


ROWS = st.lists(
    st.builds(
        row,
        experiment=st.sampled_from(["baseline", "full", "k1"]),
        seed=st.integers(1, 3),
        metric=st.sampled_from(["top1", "top3", "top5"]),
        value=st.integers(0, 100).map(float),
        half=st.sampled_from([0.0, 1.0, 4.0]),
        dataset=st.sampled_from(["modelnet40", "objaverse_lvis"]),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda r: (r.experiment, r.seed, r.metric, r.dataset),
)


@given(ROWS)
def test_equal_results_are_identical(rows: list[Measurement]) -> None:
    found = compare(reported(rows, C1="holds"), reported(rows, C1="holds"))
    assert counts(found) == (len(rows), 0, 0)
    assert found.chance is None and not found.reasons


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(old: list[Measurement], new: list[Measurement], order: object) -> None:
    shuffled_old, shuffled_new = list(old), list(new)
    order.shuffle(shuffled_old), order.shuffle(shuffled_new)
    found = compare(reported(old), reported(new))
    again = compare(reported(shuffled_old), reported(shuffled_new))
    assert replace(found, chance=None) == replace(again, chance=None)
    assert (found.chance is None) == (again.chance is None)
    if found.chance is not None and again.chance is not None:
        assert again.chance.p_value == pytest.approx(found.chance.p_value)


@given(ROWS, ROWS)
def test_every_row_is_counted_once(old: list[Measurement], new: list[Measurement]) -> None:
    found = compare(reported(old), reported(new))
    assert found.num_cells + len(found.only_reference) == len(old)
    assert found.num_cells + len(found.only_rerun) == len(new)


@pytest.mark.parametrize(("by", "expected"), [(0.0, (1, 0, 0)), (4.0, (0, 1, 0)), (-4.0, (0, 1, 0)), (4.1, (0, 0, 1))])
def test_the_interval_of_the_reference_decides(by: float, expected: tuple[int, int, int]) -> None:
    old, new = row(), row(value=50.0 + by, half=10.0 if by else 4.0)
    assert counts(compare(reported([old]), reported([new]))) == expected


def test_an_interval_that_changed_alone_is_not_identical() -> None:
    found = compare(reported([row()]), reported([row(half=3.0)]))
    assert counts(found) == (0, 1, 0)
    assert found.chance is None, "no value moved"


def test_the_furthest_come_first() -> None:
    old = [row(metric="top1"), row(metric="top3"), row(metric="top5", half=0.0)]
    new = [row(metric="top1", value=58.0), row(metric="top3", value=38.0), row(metric="top5", value=50.1)]
    found = compare(reported(old), reported(new))
    assert [m.cell.metric for m in found.outside] == ["top5", "top3", "top1"]
    assert [m.distance for m in found.outside] == pytest.approx([math.inf, 3.0, 2.0])


def test_verdicts_and_rows_without_counterpart_are_reasons() -> None:
    old, new = [row(), row(metric="top3")], [row(), row(metric="top5")]
    found = compare(reported(old, C1="holds", C2="fails"), reported(new, C1="undecided", C3="holds"))
    assert found.verdicts == {"C1": ("holds", "undecided"), "C2": ("fails", None), "C3": (None, "holds")}
    assert [cell.metric for cell in found.only_reference] == ["top3"]
    assert [cell.metric for cell in found.only_rerun] == ["top5"]
    assert found.reasons == ("3 verdicts changed", "2 rows have no counterpart")


def test_one_seed_expects_what_a_second_draw_does() -> None:
    # 1.96 standard deviations hold 95 % of draws around the truth, not around another draw.
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 200_000))
    assert pytest.approx((abs(first - second) > 1.959964).mean(), abs=0.003) == SECOND_DRAW
    chance = compare(reported([row()]), reported([row(value=51.0)])).chance
    assert chance is not None
    assert (chance.expected, chance.from_seeds) == (SECOND_DRAW, 0.0)


def test_other_seeds_say_how_many_leave_their_intervals() -> None:
    # Seed 2 lies outside of seed 1's interval in every second experiment.
    old = [
        row(f"e{i}", seed, value=50.0 + (seed - 1) * (10.0 if i % 2 else 1.0)) for i in range(100) for seed in (1, 2)
    ]
    chance = compare(reported(old), reported(moved(old, 0.5))).chance
    assert chance is not None
    assert chance.expected == pytest.approx(0.5)
    assert (chance.from_seeds, chance.num_evaluations, chance.num_outside) == (1.0, 200, 0.0)
    assert chance.explains


def test_too_many_outside_are_not_chance() -> None:
    old = [row(f"e{i}", seed, value=50.0 + seed) for i in range(10) for seed in (1, 2)]
    few = [*moved(old[:1], 5.0), *moved(old[1:], 1.0)]
    assert not compare(reported(old), reported(few)).reasons
    many = [*moved(old[:6], 5.0), *moved(old[6:], 1.0)]
    assert compare(reported(old), reported(many)).reasons == (
        "more values are outside of their intervals than chance gives",
    )


def test_metrics_of_one_evaluation_count_once() -> None:
    # One bad evaluation of ten with twenty metrics is one in ten, not twenty of twenty-nine.
    old = [row("bad", metric=f"m{i}") for i in range(20)] + [row(f"e{i}") for i in range(9)]
    new = [*moved(old[:20], 5.0), *moved(old[20:], 1.0)]
    chance = compare(reported(old), reported(new)).chance
    assert chance is not None
    assert (chance.num_evaluations, chance.num_outside) == (10, 1.0)
    assert chance.explains


def test_reruns_that_are_as_far_apart_as_seeds_are_rarely_called_different() -> None:
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(200):
        truth = rng.uniform(30, 70, 8)
        # Trainings spread by 2 points, and their intervals reach 4 points to each side.
        draw = lambda: {(i, s): truth[i] + rng.normal(0, 2) for i in range(8) for s in (1, 2)}  # noqa: B023, E731
        old, new = ([row(f"e{i}", s, value=v) for (i, s), v in draw().items()] for _ in range(2))
        refused += bool(compare(reported(old), reported(new)).reasons)
    assert refused / 200 <= 3 * SIGNIFICANCE
