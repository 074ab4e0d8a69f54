"""Rules of report.smk: one part of a paper's report."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.config.resolve import load_study
    from concord3d.reporting.inputs import report_inputs
    from concord3d.reporting.report import build_part

    root = Path()
    study = load_study(root, snakemake.wildcards.paper, snakemake.params.scale, snakemake.params.seeds)
    build_part(report_inputs(root, study), snakemake.params.part)
