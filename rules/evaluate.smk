"""Evaluation. Protocols on frozen features share one job per experiment and seed; protocols that train have one each.

Inputs: an encoder (with its snapshots) and the stores of the data sets.
Outputs: artifacts/<scale>/<paper>/eval/<experiment>__<data set>__<protocol>__s<seed>.{json,npz}.
"""

# One rule per experiment, because experiments differ in the protocols that apply to them.
for paper, study in STUDIES.items():
    for experiment in study.experiments:
        keys = frozen_keys(study, experiment)
        if not keys:
            continue

        rule:
            name:
                f"evaluate_{paper}_{experiment}"
            input:
                model=ARTIFACTS / paper / "train" / f"{experiment}__s{{seed}}" / "model.safetensors",
                snapshots=ARTIFACTS / paper / "train" / f"{experiment}__s{{seed}}" / "snapshots",
                stores=stores_of(sorted({key.dataset for key in keys})),
                tower=[path for indices in tower_needs(study, keys).values() for path in indices.values()],
            output:
                evaluation_files(paper, keys, seed="{seed}"),
            log:
                f"logs/evaluate/{paper}/{experiment}__s{{seed}}.log",
            benchmark:
                f"benchmarks-out/evaluate/{paper}/{experiment}__s{{seed}}.tsv"
            conda:
                "../envs/cuda.yaml"
            threads: study.run_config(experiment, study.seeds[0])["training"]["threads"]
            resources:
                mem_mb=memory_with_clouds(4000),
                runtime=240,
                gpu=GPU,
            params:
                jobs=[(key.protocol, key.dataset, study.protocol(key.protocol).settings) for key in keys],
                tower=tower_needs(study, keys),
                run=lambda wildcards, study=study, experiment=experiment: study.run_config(
                    experiment, int(wildcards.seed)
                ),
                device=PARAMS.device,
            message:
                f"Evaluate: {paper} {experiment}, seed {{wildcards.seed}}, frozen features"
            script:
                "../workflow_scripts/evaluate.py"


rule evaluate_trained:
    input:
        model=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "model.safetensors",
        snapshots=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "snapshots",
        stores=lambda wildcards: stores_of([wildcards.dataset]),
    output:
        ARTIFACTS / "{paper}" / "eval" / "{experiment}__{dataset}__{protocol}__s{seed}.json",
        ARTIFACTS / "{paper}" / "eval" / "{experiment}__{dataset}__{protocol}__s{seed}.npz",
    log:
        "logs/evaluate/{paper}/{experiment}__{dataset}__{protocol}__s{seed}.log",
    benchmark:
        "benchmarks-out/evaluate/{paper}/{experiment}__{dataset}__{protocol}__s{seed}.tsv"
    wildcard_constraints:
        protocol=TRAINED_PROTOCOLS,
    conda:
        "../envs/cuda.yaml"
    threads: training_threads
    resources:
        mem_mb=memory_with_clouds(6000),
        runtime=1440,
        gpu=GPU,
    params:
        jobs=lambda wildcards: [
            (
                wildcards.protocol,
                wildcards.dataset,
                STUDIES[wildcards.paper].protocol(wildcards.protocol).settings,
            )
        ],
        tower={},
        run=run_config,
        device=PARAMS.device,
    message:
        "Evaluate: {wildcards.paper} {wildcards.experiment}, seed {wildcards.seed}, {wildcards.protocol} on {wildcards.dataset}"
    script:
        "../workflow_scripts/evaluate.py"


# Blocks of rooms have nine channels, which the store of clouds does not hold.
rule evaluate_rooms:
    input:
        model=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "model.safetensors",
        snapshots=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "snapshots",
        marker=lambda wildcards: raw_marker(wildcards.dataset),
        catalog=ancient(CATALOG),
    output:
        ARTIFACTS / "{paper}" / "eval" / "{experiment}__{dataset}__semantic_segmentation__s{seed}.json",
        ARTIFACTS / "{paper}" / "eval" / "{experiment}__{dataset}__semantic_segmentation__s{seed}.npz",
    log:
        "logs/evaluate/{paper}/{experiment}__{dataset}__semantic_segmentation__s{seed}.log",
    benchmark:
        "benchmarks-out/evaluate/{paper}/{experiment}__{dataset}__semantic_segmentation__s{seed}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: training_threads
    resources:
        mem_mb=6000,
        runtime=1440,
        gpu=GPU,
    params:
        spec=spec_identity("files"),
        settings=lambda wildcards: STUDIES[wildcards.paper].protocol("semantic_segmentation").settings,
        data_kind=lambda wildcards: STUDIES[wildcards.paper].data_kind(wildcards.dataset),
        run=run_config,
        device=PARAMS.device,
    message:
        "Evaluate: {wildcards.paper} {wildcards.experiment}, seed {wildcards.seed}, semantic segmentation on {wildcards.dataset}"
    script:
        "../workflow_scripts/evaluate_rooms.py"
