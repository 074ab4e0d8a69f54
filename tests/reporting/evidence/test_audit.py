"""The audit of published values."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.reporting.fabricate import Fabricated

from concord3d.reporting.evidence.audit import Finding, audit, reachable_counts, write_audit
from concord3d.reporting.evidence.published_values import PublishedCell, read_published
from concord3d.reporting.specs.report_spec import AuditSpec, CandidateSet, load_report_spec

TEST = {"size": 581, "why": "test split"}
SPEC = AuditSpec.model_validate(
    {
        "test_sizes": {
            "D": [TEST],
            "E": [TEST, {"size": 2882, "why": "another variant"}],
            "J": [TEST, {"size": 2890, "why": "training and test together"}],
            "K": [TEST, {"size": 10, "why": "ten"}],
            "one/F": [{"size": 10, "why": "ten"}],
            "M": [
                {"size": 10, "why": "ten", "methods": ["A"], "settings": ["s"]},
                {"size": 3, "why": "three", "metrics": ["top-1", "top-2"]},
            ],
        },
        "proportion_metrics": ["accuracy"],
        "ranks": {"top-1": 1, "top-2": 2},
        "repeated": ["mean of"],
        "bounded_by": [["mIoU", "mAcc"]],
        "growing": [["10-shot", "20-shot"]],
        "identities": [{"left": {"method": "L"}, "right": {"method": "R"}, "why": "one number"}],
    }
)


def audited(tmp_path: Path, rows: Sequence[Sequence[str]]) -> list[Finding]:
    made = Fabricated(tmp_path)
    made.published(rows)
    return audit(read_published(made.inputs.published_csv), SPEC)


def cell(
    value: str, dataset: str = "D", setting: str = "s", metric: str = "accuracy", method: str = "A", table: str = "one"
):
    return (table, method, dataset, setting, metric, value, "abstract" if value else "not_recovered")


@given(num=st.integers(1, 3000), share=st.floats(0, 1), digits=st.integers(0, 3))
def test_every_true_proportion_is_reachable(num: int, share: float, digits: int) -> None:
    count = round(share * num)
    exact = Decimal(100) * count / num
    printed = str(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
    assert count in reachable_counts(printed, num)[0]


@given(num=st.integers(1, 900), tenths=st.integers(0, 1000))
def test_reachable_counts_equal_an_exhaustive_search(num: int, tenths: int) -> None:
    text = f"{tenths // 10}.{tenths % 10}"
    step = Decimal("0.1")
    rounded = [k for k in range(num + 1) if (Decimal(100) * k / num).quantize(step, ROUND_HALF_UP) == Decimal(text)]
    found, cut = reachable_counts(text, num)
    assert set(rounded) <= set(found)
    for k in (*found, *cut):
        assert abs(Decimal(100) * k / num - Decimal(text)) < Decimal("0.1")
    if not rounded and not cut:
        assert all(abs(Decimal(100) * k / num - Decimal(text)) >= Decimal("0.05") for k in range(num + 1))


def test_printed_in_full() -> None:
    assert reachable_counts("92.50405186385737", 2468) == ([2283], [])
    assert reachable_counts("92.50405186399999", 2468) == ([], [])


def test_impossible_proportions_and_truncation(tmp_path: Path) -> None:
    found = audited(tmp_path, [cell("83.2"), cell("81.7", setting="t"), cell("87.8", setting="u")])
    proportions = {f.cell.text: f.severity for f in found if f.check == "proportion"}
    assert proportions == {"83.2": "impossible", "81.7": "suspicious"}


def test_averages_and_unknown_test_sets_are_exempt(tmp_path: Path) -> None:
    assert not audited(tmp_path, [cell("83.2", setting="mean of 5 runs"), cell("83.2", dataset="unknown")])


def test_of_several_test_sets_all_must_exclude_a_value(tmp_path: Path) -> None:
    values = ["83.2", "81.7", "87.8", "20.0", "83.26"]
    found = audited(tmp_path, [cell(value, dataset=name, setting=value) for name in "JK" for value in values])
    reasons = {(f.cell.dataset, f.cell.text): f for f in found if f.check == "proportion"}
    severities = {place: f.severity for place, f in reasons.items()}
    # 20.0 and 87.8 are k/581 as well; no k/10 is 83.2 or 81.7; 83.26 is none of 2,890 and none of 581.
    assert severities == {
        ("J", "83.2"): "dependent",
        ("J", "81.7"): "dependent",
        ("J", "83.26"): "impossible",
        ("K", "83.2"): "impossible",
        ("K", "81.7"): "suspicious",
        ("K", "87.8"): "dependent",
        ("K", "83.26"): "impossible",
    }
    assert reasons["J", "83.2"].condition == (
        "possible with 2890 items (training and test together), not with 581 items (test split)"
    )
    assert "2404/2890 rounds to 83.2, no k of 581 items does: neighbours 483/581" in reasons["J", "83.2"].reason
    assert "cut off" in reasons["J", "81.7"].reason
    assert "no k of 581 or 10 items" in reasons["K", "83.2"].reason


# 1/16 is 6.25 %: printed as 6.3 or, rounded to even, as 6.2.
@example(num=16, share=1 / 16, digits=1, others=[])
@given(num=st.integers(1, 3000), share=st.floats(0, 1), digits=st.integers(0, 3), others=st.lists(st.integers(1, 3000)))
def test_what_a_candidate_gives_is_never_impossible(num: int, share: float, digits: int, others: list[int]) -> None:
    count = round(share * num)
    exact = Decimal(100) * count / num
    sizes = [CandidateSet(size=size, why=f"{size} of them") for size in (*others, num)]
    for mode in (ROUND_HALF_UP, ROUND_HALF_EVEN):
        printed = str(exact.quantize(Decimal(1).scaleb(-digits), mode))
        published = PublishedCell(2, "part", "one", "A", "D", "", "s", "accuracy", printed, "%", "abstract", "")
        found = audit([published], AuditSpec(test_sizes={"D": sizes}, proportion_metrics=["accuracy"]))
        assert {f.severity for f in found} <= {"dependent"}
        assert all(f"{num} items ({num} of them)" in f.condition.partition(", not with")[0] for f in found)


@given(tenths=st.integers(0, 1000))
def test_2890_items_give_every_value_with_one_decimal(tenths: int) -> None:
    assert reachable_counts(f"{tenths // 10}.{tenths % 10}", 2890)[0]


def test_a_test_set_needs_a_size_and_a_reason() -> None:
    for wrong in ({"size": 0, "why": "w"}, {"size": 5, "why": ""}, {"size": 5}, 5):
        with pytest.raises(ValidationError):
            AuditSpec.model_validate({"test_sizes": {"D": [wrong]}})
    with pytest.raises(ValidationError):
        AuditSpec.model_validate({"test_sizes": {"D": []}})


def test_sizes_of_one_table(tmp_path: Path) -> None:
    found = audited(tmp_path, [cell("83.2", dataset="F"), cell("83.2", dataset="F", table="two")])
    assert [(f.severity, f.cell.table) for f in found] == [("impossible", "one")]


def test_a_test_set_of_some_methods_settings_and_metrics(tmp_path: Path) -> None:
    rows = [cell("83.2", dataset="M", **other) for other in ({}, {"method": "B"}, {"setting": "t"})]
    [finding] = audited(tmp_path, rows)
    assert (finding.severity, finding.cell.line) == ("impossible", 2)


def test_a_row_of_ranks_that_ignores_its_query(tmp_path: Path) -> None:
    def row(first: str, second: str, method: str) -> list[Sequence[str]]:
        return [cell(value, "M", metric=f"top-{k}", method=method) for k, value in ((1, first), (2, second))]

    found = audited(tmp_path, row("33.3", "66.7", "A") + row("33.3", "33.3", "B") + row("0.0", "66.7", "C"))
    assert [(f.check, f.severity, f.cell.method) for f in found] == [("blind", "suspicious", "A")]
    assert "exactly 1, 2 of 3" in found[0].reason
    assert not audited(tmp_path, row("33.3", "66.7", "A")[:1]), "one value says little"


def test_rows_of_two_methods_that_are_the_same(tmp_path: Path) -> None:
    def row(method: str, *values: str, dataset: str = "G") -> list[Sequence[str]]:
        return [cell(value, dataset, metric=f"m{n}", method=method) for n, value in enumerate(values)]

    rows = row("A", "1.0", "2.0", "3.0") + row("B", "1.0", "2.0", "3.0") + row("C", "1.0", "2.0", "3.1")
    found = audited(tmp_path, rows + row("D", "1.0", "2.0", "3.0", dataset="H"))
    assert [(f.check, f.severity, f.cell.method) for f in found] == [("twins", "suspicious", "B")]
    assert "those of A from line 2 on" in found[0].reason
    assert not audited(tmp_path, row("A", "1.0", "2.0") + row("B", "1.0", "2.0"))


def test_a_value_that_is_a_sum_less_a_constant(tmp_path: Path) -> None:
    wanted = {"right": {"method": "same"}, "plus": {"method": "diff"}, "constant": -100, "why": "all errors"}
    spec = AuditSpec.model_validate({"identities": [{"left": {"method": "top"}, **wanted}]})
    for value, findings in (("70.00", 0), ("70.01", 0), ("69.98", 1)):
        rows = [cell(text, dataset="G", method=m) for m, text in (("top", value), ("same", "90.00"), ("diff", "80.00"))]
        made = Fabricated(tmp_path)
        made.published(rows)
        found = audit(read_published(made.inputs.published_csv), spec)
        assert [f.check for f in found] == ["identity"] * findings
    assert "69.98 here, 90.00 on line 3 plus 80.00 on line 4 minus 100: all errors" in found[0].reason


@pytest.mark.parametrize("value", ["-0.1", "100.5"])
def test_out_of_range(tmp_path: Path, value: str) -> None:
    found = audited(tmp_path, [cell(value)])
    assert [(f.check, f.severity) for f in found] == [("range", "impossible")]


def test_duplicates(tmp_path: Path) -> None:
    found = audited(tmp_path, [cell("50.0", dataset="G"), cell("50.0", dataset="G"), cell("51.0", dataset="G")])
    assert [(f.check, f.severity) for f in found] == [("duplicate", "contradiction"), ("duplicate", "suspicious")]


def test_sources_that_differ(tmp_path: Path) -> None:
    found = audited(tmp_path, [cell("50.0", dataset="G"), cell("50.4", dataset="G", setting="t")])
    assert [(f.check, f.severity) for f in found] == [("sources", "disagreement")]
    assert not audited(tmp_path, [cell("50.4", dataset="G"), cell("50.40", dataset="G", setting="t")])


def test_bounds_identities_and_falling(tmp_path: Path) -> None:
    rows = [cell("90.0", metric="mIoU"), cell("80.0", metric="mAcc")]
    assert [f.check for f in audited(tmp_path, rows)] == ["bound"]
    rows = [cell("50.0", dataset="G", method="L"), cell("50.3", dataset="G", method="R")]
    assert [f.check for f in audited(tmp_path, rows)] == ["identity"]
    rows = [cell("60.0", metric="m", setting="10-shot"), cell("50.0", metric="m", setting="20-shot")]
    assert [f.check for f in audited(tmp_path, rows)] == ["falls with more data"]


def test_differences_and_rows_that_are_alike(tmp_path: Path) -> None:
    rows = [
        cell("61.9", dataset="G", method="new"),
        cell("51.3", dataset="G", method="old"),
        cell("10.6", dataset="G", method="gain"),
        cell("46.8", dataset="H", method="old"),
    ]
    wanted = {"right": {"method": "new"}, "minus": {"method": "old"}, "same": ["dataset"], "why": "a difference"}
    for value, findings in (("10.6", 0), ("10.7", 0), ("10.8", 1)):
        rows[2] = cell(value, dataset="G", method="gain")
        made = Fabricated(tmp_path)
        made.published(rows)
        spec = AuditSpec.model_validate({"identities": [{"left": {"method": "gain"}, **wanted}]})
        found = audit(read_published(made.inputs.published_csv), spec)
        assert len(found) == findings, value
        assert all("61.9 on line 2 minus 51.3 on line 3: a difference" in f.reason for f in found)


def test_rows_of_other_data_sets_are_not_compared(tmp_path: Path) -> None:
    rows = [cell("50.0", dataset=name, method="L") for name in "GH"]
    rows += [cell("50.0", dataset="G", method="R"), cell("51.0", dataset="H", method="R")]
    found = audited(tmp_path, rows)
    assert len(found) == 2, "without 'same', every pair is compared"
    made = Fabricated(tmp_path)
    made.published(rows)
    identity = {"left": {"method": "L"}, "right": {"method": "R"}, "same": ["dataset"], "why": "one number"}
    found = audit(read_published(made.inputs.published_csv), AuditSpec.model_validate({"identities": [identity]}))
    assert [f.cell.dataset for f in found] == ["H"]


def test_settings_that_are_part_of_the_quantity(tmp_path: Path) -> None:
    rows = [cell("50.0", dataset="G", setting="train=A"), cell("60.0", dataset="G", setting="train=B")]
    assert [f.check for f in audited(tmp_path, rows)] == ["sources"]
    made = Fabricated(tmp_path)
    made.published(rows)
    spec = SPEC.model_copy(update={"settings_name_sources": False})
    assert not audit(read_published(made.inputs.published_csv), spec)


def test_stated_counts(tmp_path: Path) -> None:
    rows = [
        cell("87.952", dataset="G", setting="correct/total=511/581"),
        cell("87.0", dataset="H", setting="correct/total=511/581"),
    ]
    found = audited(tmp_path, rows)
    assert [(f.check, f.cell.dataset) for f in found] == [("stated counts", "H")]


def test_values_that_were_not_recovered_pass(tmp_path: Path) -> None:
    assert not audited(tmp_path, [cell(""), cell("", method="B")])


def test_a_clean_audit_is_a_header_alone(tmp_path: Path) -> None:
    write_audit([], tmp_path / "audit.csv")
    assert (tmp_path / "audit.csv").read_text().count("\n") == 1


def test_the_paper_itself(tmp_path: Path) -> None:
    """What is known of MM-Point's values: the notebook's counts are right, one quoted value is no k/581."""
    made = Fabricated(tmp_path)
    report = load_report_spec(made.inputs.report_yaml)
    found = audit(read_published(made.inputs.published_csv), report.audit)
    impossible = [(f.cell.method, f.cell.text) for f in found if f.severity == "impossible"]
    assert impossible == [("Jigsaw (DGCNN)", "83.2")]
    assert not [f for f in found if f.check in ("range", "stated counts", "duplicate", "bound")]
