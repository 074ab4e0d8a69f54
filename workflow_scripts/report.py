"""Rules of report.smk: one part of a paper's report."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.config.resolve import load_study
    from concord3d.reporting.evidence.report_inputs import report_inputs
    from concord3d.reporting.report_part import build_part

    root = Path()
    study = load_study(root, snakemake.params.paper, snakemake.params.scale, snakemake.params.seeds)
    build_part(report_inputs(root, study, job.accepted), snakemake.params.part)
