"""Rule encoders: one table of what the encoders of all papers score under the same protocols."""

from pathlib import Path

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    from concord3d.config.resolve import load_study
    from concord3d.reporting.evidence.report_inputs import report_inputs
    from concord3d.reporting.pages.cross_page import build_cross

    root, scale, seeds = Path(), job.params["scale"], job.params["seeds"]
    papers = [report_inputs(root, load_study(root, paper, scale, seeds)) for paper in job.params["papers"]]
    build_cross(papers, job.outputs[0].parent)


make_nodes(snakemake, make)
