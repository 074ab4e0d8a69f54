"""Rules of report.smk: one part of a paper's report."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.reporting.inputs import ExpectedJob, ReportInputs
    from concord3d.reporting.report import build_part

    given = snakemake.params.inputs
    paths = ("artifacts", "paper_yaml", "report_yaml", "published_csv", "out")
    build_part(
        ReportInputs(
            **{key: Path(given[key]) for key in paths},
            scale=given["scale"],
            expected_jobs=tuple(ExpectedJob(*job) for job in given["expected_jobs"]),
            runs=given["runs"],
            data_kinds=given["data_kinds"],
        ),
        snakemake.params.part,
    )
