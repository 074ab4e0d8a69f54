"""``concord3d report``: the report of what exists now, with everything else shown as not run.

What exists are the artifacts of a run, or the results of an earlier report alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from concord3d.commands.nodes import plan_of
from concord3d.errors import ArtifactStale, ReportingError
from concord3d.reporting.evidence.report_inputs import ReportInputs, report_inputs
from concord3d.reporting.pages.cross_page import build_cross
from concord3d.reporting.report import build_report
from concord3d.reporting.specs.output_files import METRICS
from concord3d.workflow.plan import Plan
from concord3d.workflow.records import damaged_files, read_record, require_intact
from concord3d.workflow.reference import keep_reference
from concord3d.workflow.state import State, listed


def report_now(root: Path, scale: str | None, *, add: bool = False) -> None:
    """Write the report of every paper of ``params.yaml`` from the evaluations that are there.

    What lacks its record counts as not there: a job was stopped before it was done, or the record was removed so that
    it is made anew. A paper without any evaluation keeps the results that it has.

    Args:
        root: The repository.
        scale: Replaces the scale of ``params.yaml``.
        add: Keep the rows of trainings that were not evaluated here and stand in the results.

    Raises:
        ArtifactStale: Trainings or evaluations that are there were made of something else than is asked now.
        ArtifactDamaged: A file of theirs has other bytes than its record says.
        ReportingError: Nothing has been evaluated here, and results of an earlier run would be overwritten by nothing.
    """
    plan = plan_of(root, scale)
    state = State(plan)
    _require_current(state)
    unrecorded = _unrecorded(state)
    papers = [
        replace(
            report_inputs(root, study, state.nodes[f"{name}/report/pages"].ingredients["accepted"]),
            unrecorded=unrecorded,
        )
        for name, study in plan.studies.items()
    ]
    evaluated = [inputs for inputs in papers if any(map(inputs.has, (inputs.artifacts / "eval").glob("*.json")))]
    kept = [inputs for inputs in papers if inputs not in evaluated and (inputs.out / METRICS).exists()]
    if kept and not evaluated:
        raise ReportingError(
            "There are results but no evaluations that they could be made from again",
            where=", ".join(str(inputs.artifacts / "eval") for inputs in kept),
            expected="at least one evaluation",
            found="none",
            next_step=f"{plan.command}; the results are as they were",
        )
    keep_reference(root, plan.params.scale)
    both = [inputs for inputs in evaluated if add and (inputs.out / METRICS).exists()]
    papers = [replace(inputs, from_results=True, add=True) if inputs in both else inputs for inputs in papers]
    _build(papers, {inputs.out: "nothing was evaluated here" for inputs in kept})
    _forget_replaced(plan)


def report_from_results(root: Path, scale: str | None) -> None:
    """Write the report of every paper of ``params.yaml`` anew from the numbers in its results, without any artifact.

    Rows whose training was made with other settings than are asked now are left out; the page and the ledger say so.

    Args:
        root: The repository.
        scale: Replaces the scale of ``params.yaml``.

    Raises:
        ReportingError: There are no results at this scale, or they contradict themselves.
        UnreadableFile: A file of the results is damaged.
    """
    plan = plan_of(root, scale)
    papers = [replace(report_inputs(root, study), from_results=True) for study in plan.studies.values()]
    absent = [inputs for inputs in papers if not (inputs.out / METRICS).exists()]
    if len(absent) == len(papers):
        raise ReportingError(
            "There are no results that a report could be made from",
            where=", ".join(str(inputs.out) for inputs in papers),
            expected=METRICS,
            found="none",
            next_step=plan.command,
        )
    keep_reference(root, plan.params.scale)
    _build(papers, {inputs.out: "there are no results" for inputs in absent})
    _forget_replaced(plan)


def _build(papers: Sequence[ReportInputs], kept: Mapping[Path, str]) -> None:
    """Write the reports of several papers, but for those that are kept for a reason, and the table over all."""
    for inputs in papers:
        if inputs.out in kept:
            print(f"Kept {inputs.out / 'README.md'}: {kept[inputs.out]}")
        else:
            build_report(inputs)
            print(f"Read {inputs.out / 'README.md'}")
    reported = [inputs for inputs in papers if (inputs.out / METRICS).exists()]
    if len(reported) > 1:
        build_cross(reported, reported[0].out.parent / "cross")


def _require_current(state: State) -> None:
    """Refuse to report what is there but was made of something else; what is absent is shown as not run."""
    made = {key for key in state.nodes if not _is_of_report(key)}
    wrong = [finding for finding in state.findings(made) if finding.status != "absent"]
    if wrong:
        raise ArtifactStale(
            f"{len(wrong)} artifacts were made of something else than is asked, or are damaged",
            found=f"\n{listed(wrong)}",
            next_step=wrong[0].next_step,
        )
    # As the jobs of the report do; of what is gone in part, the rest is read too.
    for key in sorted({need for key, each in state.plan.nodes.items() if _is_of_report(key) for need in each.upstream}):
        path = state.plan.layout.record(key)
        record = read_record(state.plan.root / path)
        if record is not None and not _is_of_report(key):
            there = {name: entry for name, entry in record["files"].items() if (state.plan.root / name).exists()}
            require_intact(state.plan.root, path, {**record, "files": there})


def _unrecorded(state: State) -> frozenset[Path]:
    """Return the outputs of all nodes that have no record."""
    plan = state.plan
    nodes = (node for key, node in plan.nodes.items() if not (plan.root / plan.layout.record(key)).is_file())
    return frozenset(plan.root / path for node in nodes for path in node.outputs)


def _is_of_report(key: str) -> bool:
    return "/report/" in key or key.startswith("cross/")


def _forget_replaced(plan: Plan) -> None:
    """Remove the records of results that this report has replaced by others, so that the workflow makes them again."""
    for key in filter(_is_of_report, plan.nodes):
        path = plan.root / plan.layout.record(key)
        record = read_record(path)
        if record is not None and damaged_files(plan.root, record, "full"):
            path.unlink()
