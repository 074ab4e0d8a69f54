"""``concord3d report``: the report of what exists now, with everything else shown as not run."""

from __future__ import annotations

from pathlib import Path

from concord3d.commands.workflow import params_of
from concord3d.config.resolve import load_study
from concord3d.errors import ReportingError
from concord3d.reporting.cross import build_cross
from concord3d.reporting.inputs import report_inputs
from concord3d.reporting.report import build_report


def report_now(root: Path, scale: str | None) -> None:
    """Write the report of every paper of ``params.yaml`` from the evaluations that are there.

    A paper without any evaluation keeps the results that it has.

    Args:
        root: The repository.
        scale: Replaces the scale of ``params.yaml``.

    Raises:
        ReportingError: Nothing has been evaluated here, and results of an earlier run would be overwritten by nothing.
    """
    params = params_of(root, scale)
    papers = [report_inputs(root, load_study(root, paper, params.scale, params.seeds)) for paper in params.papers]
    evaluated = [inputs for inputs in papers if any((inputs.artifacts / "eval").glob("*.json"))]
    kept = [inputs for inputs in papers if inputs not in evaluated and (inputs.out / "metrics.csv").exists()]
    if kept and not evaluated:
        raise ReportingError(
            "There are results but no evaluations that they could be made from again",
            where=", ".join(str(inputs.artifacts / "eval") for inputs in kept),
            expected="at least one evaluation",
            found="none",
            next_step=f"snakemake --cores all --config scale={params.scale}; the results are as they were",
        )
    for inputs in papers:
        if inputs in kept:
            print(f"Kept {inputs.out / 'README.md'}: nothing was evaluated here")
        else:
            build_report(inputs)
            print(f"Read {inputs.out / 'README.md'}")
    if len(papers) > 1:
        build_cross(papers, papers[0].out.parent / "cross")
