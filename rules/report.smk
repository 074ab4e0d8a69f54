"""What a reviewer reads: metrics, tables, figures, verdicts on claims, and the page that leads to them.

Inputs: the evaluations and training histories of the scale. Outputs: results/<scale>/<paper>/, deterministic files
only but for provenance/, which holds the records of the runs.
"""

for paper in STUDIES:
    for part in ("metrics", "tables", "figures", "verdicts", "pages"):

        rule:
            name:
                f"{part}_{paper}"
            input:
                unpack(inputs_of(f"{paper}/report/{part}")),
            output:
                [shown(paper, part, path) for path in results_of(paper, part)],
                record=LAYOUT.record(f"{paper}/report/{part}"),
            log:
                f"logs/report/{paper}_{part}.log",
            benchmark:
                f"benchmarks-out/report/{paper}_{part}.tsv"
            conda:
                "../envs/core.yaml"
            threads: 1
            resources:
                mem_mb=2000,
                runtime=30,
                gpu=0,
            params:
                node=payload_of(f"{paper}/report/{part}"),
                paper=paper,
                part=part,
                seeds=PARAMS.seeds,
                scale=PARAMS.scale,
            message:
                f"Report: {part} of {paper}"
            script:
                "../workflow_scripts/report.py"


if len(STUDIES) > 1:

    rule encoders:
        input:
            unpack(inputs_of("cross/encoders")),
        output:
            list(PLAN.node("cross/encoders").outputs),
            record=LAYOUT.record("cross/encoders"),
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
            node=payload_of("cross/encoders"),
            papers=list(STUDIES),
            seeds=PARAMS.seeds,
            scale=PARAMS.scale,
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
            stage_files(stage),
        message:
            f"The stage {stage} is complete"
