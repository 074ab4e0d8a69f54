"""``concord3d report``: the report of what exists now, with everything else shown as not run."""

from __future__ import annotations

from pathlib import Path

from concord3d.commands.nodes import plan_of
from concord3d.errors import ArtifactStale, ReportingError
from concord3d.reporting.evidence.report_inputs import report_inputs
from concord3d.reporting.pages.cross_page import build_cross
from concord3d.reporting.report import build_report
from concord3d.workflow.records import damaged_files, read_record
from concord3d.workflow.reference import keep_reference
from concord3d.workflow.state import State, listed


def report_now(root: Path, scale: str | None) -> None:
    """Write the report of every paper of ``params.yaml`` from the evaluations that are there.

    A paper without any evaluation keeps the results that it has.

    Args:
        root: The repository.
        scale: Replaces the scale of ``params.yaml``.

    Raises:
        ArtifactStale: Trainings or evaluations that are there were made of something else than is asked now.
        ReportingError: Nothing has been evaluated here, and results of an earlier run would be overwritten by nothing.
    """
    plan = plan_of(root, scale)
    state = State(plan)
    _require_current(state)
    papers = [
        report_inputs(root, study, state.nodes[f"{name}/report/pages"].ingredients["accepted"])
        for name, study in plan.studies.items()
    ]
    evaluated = [inputs for inputs in papers if any((inputs.artifacts / "eval").glob("*.json"))]
    kept = [inputs for inputs in papers if inputs not in evaluated and (inputs.out / "metrics.csv").exists()]
    if kept and not evaluated:
        raise ReportingError(
            "There are results but no evaluations that they could be made from again",
            where=", ".join(str(inputs.artifacts / "eval") for inputs in kept),
            expected="at least one evaluation",
            found="none",
            next_step=f"{plan.command}; the results are as they were",
        )
    keep_reference(root, plan.params.scale)
    for inputs in papers:
        if inputs in kept:
            print(f"Kept {inputs.out / 'README.md'}: nothing was evaluated here")
        else:
            build_report(inputs)
            print(f"Read {inputs.out / 'README.md'}")
    if len(papers) > 1:
        build_cross(papers, papers[0].out.parent / "cross")
    _forget_replaced(state)


def _require_current(state: State) -> None:
    """Refuse to report what is there but was made of something else; what is absent is shown as not run."""
    made = {key for key in state.nodes if "/report/" not in key and not key.startswith("cross/")}
    wrong = [finding for finding in state.findings(made) if finding.status != "absent"]
    if wrong:
        raise ArtifactStale(
            f"{len(wrong)} artifacts were made of something else than is asked, or are damaged",
            found=f"\n{listed(wrong)}",
            next_step=wrong[0].next_step,
        )


def _forget_replaced(state: State) -> None:
    """Remove the records of results that this report has replaced by others, so that the workflow makes them again."""
    plan = state.plan
    for key in (key for key in plan.nodes if "/report/" in key or key.startswith("cross/")):
        path = plan.root / plan.layout.record(key)
        record = read_record(path)
        if record is not None and damaged_files(plan.root, record, "full"):
            path.unlink()
