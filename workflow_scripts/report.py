"""Rule report: the parts of a paper's report."""

from pathlib import Path

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    from concord3d.config.resolve import load_study
    from concord3d.reporting.evidence.report_inputs import report_inputs
    from concord3d.reporting.report_part import build_part

    root = Path()
    study = load_study(root, job.params["paper"], job.params["scale"], job.params["seeds"])
    build_part(report_inputs(root, study, job.accepted), job.params["part"])


make_nodes(snakemake, make)
