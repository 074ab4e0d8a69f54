"""Result files of a paper as something to compare."""

import json

import pytest

from concord3d.errors import ReportingError, UnreadableFile
from concord3d.reporting.evidence.metric_rows import COLUMNS
from concord3d.reporting.reruns.reported import Cell, read_reported

HEADER = ",".join(COLUMNS)
LINE = 'full,"a, label",1,demo,synthetic,modelnet40,zero_shot,top1,50.000000,480,46.000000,54.000000,last,%'
CLAIMS = json.dumps([{"id": "C1", "verdict": "holds", "text": "words"}])


def test_rows_and_verdicts_are_found_by_their_names() -> None:
    found = read_reported({"metrics.csv": f"{HEADER}\n{LINE}\n", "claims.json": CLAIMS}, "here", "demo")
    assert found.verdicts == {"C1": "holds"}
    [(cell, row)] = found.rows.items()
    assert cell == Cell("full", "modelnet40", "synthetic", "zero_shot", "top1", "last", 1)
    assert (row.value, row.ci_low, row.ci_high) == (50.0, 46.0, 54.0)


def test_a_label_is_no_part_of_what_was_measured() -> None:
    one, other = (read_reported({"metrics.csv": f"{HEADER}\n{line}\n"}, "here", "demo") for line in
                  (LINE, LINE.replace("a, label", "another")))  # fmt: skip
    assert one.rows.keys() == other.rows.keys()


def test_results_without_claims_have_no_verdicts() -> None:
    assert read_reported({"metrics.csv": f"{HEADER}\n"}, "here", "demo").verdicts == {}


@pytest.mark.parametrize(
    ("metrics", "claims", "error", "words"),
    [
        (f"{HEADER},more\n{LINE},1\n", CLAIMS, ReportingError, "other columns"),
        (f"{HEADER}\n{LINE}\n{LINE}\n", CLAIMS, ReportingError, "stands twice"),
        (f"{HEADER}\n{LINE.replace('demo', 'small')}\n", CLAIMS, ReportingError, "another scale"),
        (f"{HEADER}\n{LINE.replace('50.000000', 'many')}\n", CLAIMS, ReportingError, "no number"),
        (f"{HEADER}\n{LINE}\n", "[", UnreadableFile, "verdicts"),
        (f"{HEADER}\n{LINE}\n", '[{"id": "C1"}]', UnreadableFile, "verdicts"),
        (f"{HEADER}\n{LINE}\n", "3", UnreadableFile, "verdicts"),
    ],
)
def test_what_cannot_be_compared_is_named(metrics: str, claims: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        read_reported({"metrics.csv": metrics, "claims.json": claims}, "there", "demo")
    assert "there" in str(raised.value)
