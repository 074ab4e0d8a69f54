"""What a reader is told of a rerun."""

from dataclasses import replace

from concord3d.reporting.evidence.measurements import Measurement
from concord3d.reporting.reruns.comparing import compare
from concord3d.reporting.reruns.pages import RerunReport, as_json, as_markdown
from concord3d.reporting.reruns.reported import Cell, Reported


def reported(num_rows: int, value: float = 50.0, seeds: tuple[int, ...] = (1,)) -> Reported:
    rows = {}
    for index in range(num_rows):
        for seed in seeds:
            cell = Cell(f"e{index:02d}", "modelnet40", "synthetic", "knn", "accuracy", "last", seed)
            rows[cell] = Measurement(
                cell.experiment, "label", seed, "demo", "synthetic", "modelnet40", "knn", "accuracy", value, 480, 46.0,
                54.0, "last", "%",
            )  # fmt: skip
    return Reported(rows, {"C1": "holds"})


def report(old: Reported, new: Reported) -> RerunReport:
    return RerunReport("demo", "those of v1", {"mm_point": compare(old, new)}, {"another": "it was not run"})


def test_long_lists_are_cut_on_the_page_and_whole_in_json() -> None:
    found = report(reported(30), reported(30, 60.0))
    page = as_markdown(found)
    assert page.count("60.000000") == 20 and "10 more are in the output of `--format json`." in page
    assert len(as_json(found)["papers"]["mm_point"]["outside"]) == 30
    assert "* another was not compared: it was not run." in page


def test_the_page_says_what_chance_was_taken_for() -> None:
    one_seed = as_markdown(report(reported(3), reported(3, 51.0)))
    assert "16.6% where there is one seed" in one_seed and "another seed of" not in one_seed
    two_seeds = as_markdown(report(reported(3, seeds=(1, 2)), reported(3, 51.0, seeds=(1, 2))))
    assert "another seed of" in two_seeds and "where there is one seed" not in two_seeds
    nothing_moved = as_markdown(report(reported(3), reported(3)))
    assert "By chance:" not in nothing_moved


def test_an_interval_without_width_has_no_distance() -> None:
    old = reported(1)
    [(cell, row)] = old.rows.items()
    narrow = Reported({cell: replace(row, ci_low=50.0, ci_high=50.0)}, old.verdicts)
    found = report(narrow, reported(1, 51.0))
    assert "| no width |" in as_markdown(found)
    assert as_json(found)["papers"]["mm_point"]["outside"][0]["distance"] is None
