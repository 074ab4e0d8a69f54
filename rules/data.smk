"""Raw data, made by the world or obtained from outside, then read into canonical stores.

Inputs: datasets/datasets.yaml and, for real data, a mirror or the network.
Outputs: data/raw/<source>/<data set>/ and artifacts/<scale>/stores/<data set>/<split>.npz.
"""


rule world_dataset:
    output:
        RAW / f"world_{PARAMS.scale}" / "{dataset}" / "world.json",
    log:
        "logs/world_dataset/{dataset}.log",
    benchmark:
        "benchmarks-out/world_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=datasets_from("world"),
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=0,
    params:
        use=lambda wildcards: SCALE.datasets[wildcards.dataset].model_dump(),
        seed=SCALE.world_seed,
    message:
        "World: building {wildcards.dataset} in its real on-disk layout"
    script:
        "../workflow_scripts/world_dataset.py"


rule obtain_dataset:
    input:
        ancient(CATALOG),
    output:
        RAW / "real" / "{dataset}" / "manifest.json",
    log:
        "logs/obtain_dataset/{dataset}.log",
    benchmark:
        "benchmarks-out/obtain_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=datasets_from("real"),
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=1440,
        gpu=0,
    params:
        spec=spec_identity(),
    message:
        "Data: obtaining {wildcards.dataset} (mirror, then network) and verifying it"
    script:
        "../workflow_scripts/obtain_dataset.py"


rule store:
    input:
        marker=lambda wildcards: raw_marker(wildcards.dataset),
        catalog=ancient(CATALOG),
    output:
        ARTIFACTS / "stores" / "{dataset}" / "{split}.npz",
    log:
        "logs/store/{dataset}_{split}.log",
    benchmark:
        "benchmarks-out/store/{dataset}_{split}.tsv"
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        # A release with tower features has up to 876 thousand shapes of 10,000 points, whose texts lie in memory; not
        # measured at that size.
        mem_mb=lambda wildcards: 24000 if brings_features(wildcards.dataset) else 3000,
        runtime=lambda wildcards: 1440 if brings_features(wildcards.dataset) else 30,
        gpu=0,
    params:
        spec=spec_identity("files"),
        data_kind=lambda wildcards: ("synthetic" if SCALE.datasets[wildcards.dataset].source == "world" else "real"),
        num_points=lambda wildcards: points_asked(wildcards.dataset),
    message:
        "Data: reading {wildcards.dataset}/{wildcards.split}"
    script:
        "../workflow_scripts/store.py"
