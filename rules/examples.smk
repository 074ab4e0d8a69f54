"""Examples that a paper's figures show: mixed clouds, and pictures of retrieved shapes.

Inputs: stores of clouds, views and retrieval evaluations. Outputs: artifacts/<scale>/<paper>/figures/*.npz.
"""


rule mixed_clouds:
    input:
        lambda wildcards: store(protocol_datasets(wildcards.paper, "consistency")[0], "test"),
    output:
        ARTIFACTS / "{paper}" / "figures" / "mixed_clouds.npz",
    log:
        "logs/mixed_clouds/{paper}.log",
    benchmark:
        "benchmarks-out/mixed_clouds/{paper}.tsv"
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory_with_clouds(2000),
        runtime=30,
        gpu=0,
    params:
        settings=lambda wildcards: STUDIES[wildcards.paper].protocol("consistency").settings,
        num_points=1024,
    message:
        "Figures: mixed clouds of {wildcards.paper}"
    script:
        "../workflow_scripts/mixed_clouds.py"


rule retrieval_pictures:
    input:
        views=retrieval_views,
        evaluations=lambda wildcards: [
            path
            for path in evaluation_files(wildcards.paper, retrieval_keys(wildcards.paper, wildcards.dataset))
            if path.suffix == ".npz"
        ],
    output:
        ARTIFACTS / "{paper}" / "figures" / "pictures__{dataset}.npz",
    log:
        "logs/retrieval_pictures/{paper}__{dataset}.log",
    benchmark:
        "benchmarks-out/retrieval_pictures/{paper}__{dataset}.tsv"
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    message:
        "Figures: pictures of retrieved shapes of {wildcards.dataset}"
    script:
        "../workflow_scripts/retrieval_pictures.py"
