"""What a reviewer reads: metrics, tables, figures, verdicts on claims, and the page that leads to them.

Inputs: the evaluations and training histories of the scale. Outputs: results/<scale>/<paper>/, deterministic files
only but for provenance/, which holds the records of the runs.
"""

for paper in STUDIES:

    rule:
        name:
            f"tables_{paper}"
        input:
            evaluations=evaluations_of,
            histories=histories_of,
            spec=report_yaml(paper),
            published=f"papers/published/{paper}.csv",
        output:
            [
                (
                    report(
                        RESULTS / "{paper}" / name,
                        caption="../docs/report/table.rst",
                        category=paper,
                        subcategory="tables",
                    )
                    if name.endswith(".csv")
                    else RESULTS / "{paper}" / name
                )
                for name in report_outputs(Path(report_yaml(paper)), "tables")
            ],
        log:
            "logs/report/{paper}_tables.log",
        benchmark:
            "benchmarks-out/report/{paper}_tables.tsv"
        wildcard_constraints:
            paper=paper,
        conda:
            "../envs/core.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
            gpu=0,
        params:
            part="tables",
            identity=report_identity,
            seeds=PARAMS.seeds,
            scale=PARAMS.scale,
        message:
            f"Report: tables of {paper}"
        script:
            "../workflow_scripts/report.py"

    rule:
        name:
            f"figures_{paper}"
        input:
            evaluations=evaluations_of,
            histories=histories_of,
            examples=figure_examples(paper),
            spec=report_yaml(paper),
            published=f"papers/published/{paper}.csv",
        output:
            [
                (
                    report(
                        RESULTS / "{paper}" / name,
                        caption="../docs/report/figure.rst",
                        category=paper,
                        subcategory="figures",
                    )
                    if name.endswith(".png")
                    else RESULTS / "{paper}" / name
                )
                for name in report_outputs(Path(report_yaml(paper)), "figures")
            ],
        log:
            "logs/report/{paper}_figures.log",
        benchmark:
            "benchmarks-out/report/{paper}_figures.tsv"
        wildcard_constraints:
            paper=paper,
        conda:
            "../envs/core.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
            gpu=0,
        params:
            part="figures",
            identity=report_identity,
            seeds=PARAMS.seeds,
            scale=PARAMS.scale,
        message:
            f"Report: figures of {paper}"
        script:
            "../workflow_scripts/report.py"

    rule:
        name:
            f"metrics_{paper}"
        input:
            evaluations=evaluations_of,
            spec="papers/{paper}.report.yaml",
        output:
            RESULTS / "{paper}" / "metrics.csv",
            [RESULTS / "{paper}" / name for name in per_item_files(paper)],
        log:
            "logs/report/{paper}_metrics.log",
        benchmark:
            "benchmarks-out/report/{paper}_metrics.tsv"
        wildcard_constraints:
            paper=paper,
        conda:
            "../envs/core.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
            gpu=0,
        params:
            part="metrics",
            identity=report_identity,
            seeds=PARAMS.seeds,
            scale=PARAMS.scale,
        message:
            "Report: metrics of {wildcards.paper}"
        script:
            "../workflow_scripts/report.py"

    rule:
        name:
            f"pages_{paper}"
        input:
            evaluations=evaluations_of,
            histories=histories_of,
            gates=gates_of,
            metrics=RESULTS / "{paper}" / "metrics.csv",
            verdicts=RESULTS / "{paper}" / "claims.json",
            shown=lambda wildcards: [
                RESULTS / wildcards.paper / name
                for part in ("tables", "figures")
                for name in report_outputs(Path(report_yaml(wildcards.paper)), part)
            ],
            paper="papers/{paper}.yaml",
            spec="papers/{paper}.report.yaml",
            published="papers/published/{paper}.csv",
        output:
            report(
                RESULTS / "{paper}" / "README.md",
                caption="../docs/report/page.rst",
                category="{paper}",
            ),
            report(
                RESULTS / "{paper}" / "ledger.md",
                caption="../docs/report/ledger.rst",
                category="{paper}",
            ),
            [RESULTS / "{paper}" / name for name in record_files(paper)],
        log:
            "logs/report/{paper}_pages.log",
        benchmark:
            "benchmarks-out/report/{paper}_pages.tsv"
        wildcard_constraints:
            paper=paper,
        conda:
            "../envs/core.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
            gpu=0,
        params:
            part="pages",
            identity=report_identity,
            seeds=PARAMS.seeds,
            scale=PARAMS.scale,
        message:
            "Report: the pages of {wildcards.paper}"
        script:
            "../workflow_scripts/report.py"


rule verdicts:
    input:
        evaluations=evaluations_of,
        histories=histories_of,
        spec="papers/{paper}.report.yaml",
        published="papers/published/{paper}.csv",
    output:
        RESULTS / "{paper}" / "claims.json",
        RESULTS / "{paper}" / "audit.csv",
    log:
        "logs/report/{paper}_verdicts.log",
    benchmark:
        "benchmarks-out/report/{paper}_verdicts.tsv"
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        part="verdicts",
        identity=report_identity,
        seeds=PARAMS.seeds,
        scale=PARAMS.scale,
    message:
        "Report: claims of {wildcards.paper} and audit of its published numbers"
    script:
        "../workflow_scripts/report.py"


rule cross:
    input:
        [RESULTS / paper / name for paper in PARAMS.papers for name in ("metrics.csv", *per_item_files(paper))],
    output:
        [RESULTS / "cross" / name for name in CROSS_FILES],
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
        papers=PARAMS.papers,
        identity=[report_identity_of(paper) for paper in PARAMS.papers],
        seeds=PARAMS.seeds,
        scale=PARAMS.scale,
    message:
        "Report: the encoders of all papers in one table"
    script:
        "../workflow_scripts/cross.py"


# One named target per stage of dvc.yaml.


rule data_all:
    input:
        [path for study in STUDIES.values() for path in stores_of(study.datasets()) + view_files(study)],


rule towers_all:
    input:
        [path for study in STUDIES.values() for path in tower_files(study)],


for paper in STUDIES:

    rule:
        name:
            f"{paper}_all"
        input:
            result_files(paper),
