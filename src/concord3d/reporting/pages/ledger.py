"""``ledger.md``: what was not reproduced, what deviates, and where every hyper-parameter comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.config.models import Paper
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.page_facts import EarlierRows, PageFacts
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.markdown import Markdown, code, grid, prose
from concord3d.reporting.pages.missing_section import missing_lines
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Table, coverage

ORIGIN_WORDS = {
    "abstract": "the paper's abstract",
    "paper": "the paper",
    "author_code": "the authors' code",
    "lineage": "inherited from the code that the authors built on",
    "ours": "chosen here",
}


def ledger_text(
    report: ReportSpec,
    paper: Paper,
    results: Results,
    tables: Sequence[Table],
    claims: Sequence[Mapping[str, Any]],
    inputs: ReportInputs,
    facts: PageFacts,
    records: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return the ledger; what is missing comes first."""
    lines = [
        f"# Ledger of {report.paper}: what is missing, and what differs",
        "",
        f"**scale: {inputs.scale}; data_kind: {', '.join(results.data_kinds) or 'none (nothing was run)'}**",
        "",
        *_not_reproduced(report, paper, results, tables, claims, inputs),
        *missing_lines(results, inputs, facts),
        *_deviations(report, inputs),
        *_measured_earlier(facts),
        *_accepted(facts),
        *_warnings(records),
        *_hyper_parameters(paper, inputs),
    ]
    return "\n".join(lines) + "\n"


def _not_reproduced(
    report: ReportSpec,
    paper: Paper,
    results: Results,
    tables: Sequence[Table],
    claims: Sequence[Mapping[str, Any]],
    inputs: ReportInputs,
) -> list[str]:
    lines = ["## Not reproduced", ""]
    for table in tables:
        counts = coverage([table])
        if counts["published"] and not counts["measured"]:
            named = f"Table `{table.spec.id}` ({prose(table.spec.title)})"
            lines.append(f"- {named}: no published cell has a run of ours at this scale.")
    cells = [cell for table in tables for cell in table.cells if cell.published is not None]
    unread = sum(cell.published.value is None for cell in cells if cell.published)
    counts = coverage(tables)
    lines += [
        f"- {counts['not_run']} published cells have an experiment of ours without a result at this scale.",
        f"- {counts['quoted']} published cells are quoted and not re-run (other papers' rows, or not attempted).",
        f"- {unread} published cells could not be read from any source; ours stand alone there.",
    ]
    for verdict, words in (("not_run", "that this scale does not run"), ("not_testable", "not testable at this scale")):
        absent = [str(claim["id"]) for claim in claims if claim["verdict"] == verdict]
        if absent:
            lines.append(f"- Claims {words}: {', '.join(absent)}.")
    never = [name for name in paper.experiments if name not in inputs.runs]
    if never:
        lines.append(f"- Experiments that this scale leaves out: {', '.join(never)}.")
    lines += [f"- Not attempted: {prose(what)}: {prose(why)}." for what, why in report.ledger.not_attempted.items()]
    lines += [
        f"- Data set `{name}`: {prose(why)}." for name, why in report.ledger.datasets.items() if _absent(name, inputs)
    ]
    return [*lines, ""]


def _absent(dataset: str, inputs: ReportInputs) -> bool:
    return inputs.data_kinds.get(dataset) != "real"


def _deviations(report: ReportSpec, inputs: ReportInputs) -> list[str]:
    chosen = [d for d in report.ledger.deviations if d.scales is None or inputs.scale in d.scales]
    rows = [[prose(text) for text in (d.what, d.paper, d.ours, d.effect)] for d in chosen]
    columns = ["what", "paper, or the source it rests on", "here", "expected effect"]
    return ["## Deviations at this scale", "", *grid(columns, rows), ""] if rows else []


def _hyper_parameters(paper: Paper, inputs: ReportInputs) -> list[str]:
    origins: Counter[str] = Counter(value.origin for section in paper.defaults.values() for value in section.values())
    counted = ", ".join(f"{origins[o]} {ORIGIN_WORDS[o]}" for o in ORIGIN_WORDS if origins[o])
    rows = []
    for section, values in paper.defaults.items():
        for key, sourced in values.items():
            used = _used(inputs, section, key)
            rows.append([code(f"{section}.{key}"), str(sourced.value), used, sourced.origin, prose(sourced.source)])
    columns = ["hyper-parameter", "paper setting", "values at this scale", "origin", "source"]
    intro = f"Origin of the {sum(origins.values())} values of the paper setting: {counted}."
    return ["## Hyper-parameters", "", intro, "", *grid(columns, rows)]


def _measured_earlier(facts: PageFacts) -> list[str]:
    """Return the rows that a report made from results leaves out, and those that it keeps with a remark."""
    groups: dict[tuple[str, str], list[EarlierRows]] = {}
    for word, all_rows in (("left out", facts.left_out), ("kept", facts.kept)):
        for rows in all_rows:
            groups.setdefault((word, rows.why), []).append(rows)
    if not groups:
        return []
    lines = [
        [_trainings(group), str(sum(rows.num_rows for rows in group)), word, prose(why)]
        for (word, why), group in groups.items()
    ]
    intro = "Rows of an earlier report of this scale that are left out, and rows that are kept with a remark."
    return ["## Measured earlier", "", intro, "", *grid(["experiments (seeds)", "rows", "", "why"], lines), ""]


def _trainings(group: Sequence[EarlierRows]) -> str:
    seeds: dict[str, list[str]] = {}
    for rows in group:
        seeds.setdefault(rows.experiment, []).append(str(rows.seed))
    return ", ".join(f"{experiment} ({', '.join(of)})" for experiment, of in seeds.items())


def _accepted(facts: PageFacts) -> list[str]:
    """Return the edits of sources that were declared to change no number; most runs have none."""
    if not facts.accepted:
        return []
    rows = [
        [code(node), Markdown(", ".join(map(code, edit["modules"]))), edit["because"], str(edit["git_commit"])[:10]]
        for node, edits in facts.accepted.items()
        for edit in edits
    ]
    intro = "These nodes were made with earlier sources. Whoever edited them declared that no number changes."
    columns = ["node", "edited", "reason", "commit"]
    return ["## Accepted edits of the sources", "", intro, "", *grid(columns, rows), ""]


def _warnings(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what trainings warned of, such as a device without the precision asked for; most warn of nothing."""
    said: dict[str, list[str]] = {}
    for name, record in sorted(records.items()):
        for warning in record.get("machine", {}).get("warnings", ()):
            said.setdefault(str(warning), []).append(code(name))
    rows = [[prose(warning), Markdown(", ".join(names))] for warning, names in said.items()]
    return ["## Warnings of trainings", "", *grid(["warning", "trainings"], rows), ""] if rows else []


def _used(inputs: ReportInputs, section: str, key: str) -> str:
    """Return the values of a key over the experiments of this scale, the commonest first."""
    values: Counter[str] = Counter()
    for run in inputs.runs.values():
        if section == "data" and key == "dataset":
            pretrain = run.get("pretrain")
            values.update([str(pretrain["dataset"])] if pretrain else [])
        elif key in run.get(section, {}):
            values.update([str(run[section][key])])
    return ", ".join(value for value, _ in sorted(values.items(), key=lambda item: (-item[1], item[0]))) or "-"
