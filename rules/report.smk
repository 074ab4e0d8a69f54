"""What a reviewer reads: metrics, tables, figures, verdicts on claims, and the page that leads to them.

Inputs: the evaluations and training histories of the scale. Outputs: results/<scale>/<paper>/, deterministic files
only but for provenance/, which holds the records of the runs. The same pages as HTML, which `snakemake --report`
shows, lie in artifacts/<scale>/<paper>/html/.
"""

for paper in STUDIES:
    job = PLAN.jobs[f"report_{paper}"]

    rule:
        name:
            job.name
        input:
            inputs_of(job),
        output:
            shown(paper, job),
        log:
            f"logs/report/{paper}.log",
        benchmark:
            f"benchmarks-out/report/{paper}.tsv"
        conda:
            "../envs/core.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=60,
            gpu=0,
        params:
            nodes=nodes_of(job),
        message:
            f"Report: {paper}"
        script:
            "../workflow_scripts/report.py"


if len(STUDIES) > 1:

    rule encoders:
        input:
            inputs_of(job_of("cross/encoders")),
        output:
            made_by(PLAN.jobs["cross_encoders"]),
        log:
            "logs/report/cross.log",
        benchmark:
            "benchmarks-out/report/cross.tsv"
        conda:
            "../envs/core.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
            gpu=0,
        params:
            nodes=nodes_of(job_of("cross/encoders")),
        message:
            "Report: the encoders of all papers in one table"
        script:
            "../workflow_scripts/cross.py"


# One named target per stage of dvc.yaml: everything that the stage keeps, not the results alone.
for stage in (*STAGES, *STUDIES):

    rule:
        name:
            f"{stage}_all"
        input:
            records_of(stage),
        message:
            f"The stage {stage} is complete"
