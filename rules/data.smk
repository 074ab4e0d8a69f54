"""Raw data, made by the world or obtained from outside, then read into canonical stores.

Inputs: datasets/datasets.yaml and, for real data, a mirror or the network.
Outputs: data/raw/<source>/<data set>/ and artifacts/<scale>/stores/<data set>/<split>.npz.
"""


rule world_dataset:
    input:
        inputs_of(job_of(f"raw/world_{PARAMS.scale}/{{dataset}}")),
    output:
        LAYOUT.world_marker("{dataset}"),
        LAYOUT.record(f"raw/world_{PARAMS.scale}/{{dataset}}"),
    log:
        "logs/world_dataset/{dataset}.log",
    benchmark:
        "benchmarks-out/world_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=datasets_where(lambda name: PLAN.scale.datasets[name].source == "world"),
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=0,
    params:
        nodes=nodes_of(job_of(f"raw/world_{PARAMS.scale}/{{dataset}}")),
    message:
        "World: building {wildcards.dataset} in its real on-disk layout"
    script:
        "../workflow_scripts/world_dataset.py"


rule obtain_dataset:
    input:
        inputs_of(job_of("raw/real/{dataset}")),
    output:
        LAYOUT.real_marker("{dataset}"),
        LAYOUT.record("raw/real/{dataset}"),
    log:
        "logs/obtain_dataset/{dataset}.log",
    benchmark:
        "benchmarks-out/obtain_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=datasets_where(lambda name: PLAN.scale.datasets[name].source == "real"),
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=1440,
        gpu=0,
    params:
        nodes=nodes_of(job_of("raw/real/{dataset}")),
    message:
        "Data: obtaining {wildcards.dataset} (mirror, then network) and verifying it"
    script:
        "../workflow_scripts/obtain_dataset.py"


rule store:
    input:
        inputs_of(job_of("stores/{dataset}__{split}")),
    output:
        LAYOUT.store("{dataset}", "{split}"),
        LAYOUT.record("stores/{dataset}__{split}"),
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
        mem_mb=lambda wildcards: 24000 if PLAN.brings_features(wildcards.dataset) else 3000,
        runtime=lambda wildcards: 1440 if PLAN.brings_features(wildcards.dataset) else 30,
        gpu=0,
    params:
        nodes=nodes_of(job_of("stores/{dataset}__{split}")),
    message:
        "Data: reading {wildcards.dataset}/{wildcards.split}"
    script:
        "../workflow_scripts/store.py"
