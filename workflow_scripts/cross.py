"""Rule cross: one table of what the encoders of all papers score under the same protocols."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.config.resolve import load_study
    from concord3d.reporting.evidence.report_inputs import report_inputs
    from concord3d.reporting.pages.cross_page import build_cross

    root, scale, seeds = Path(), snakemake.params.scale, snakemake.params.seeds
    papers = [report_inputs(root, load_study(root, paper, scale, seeds)) for paper in snakemake.params.papers]
    build_cross(papers, Path(snakemake.output[0]).parent)
