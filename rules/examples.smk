"""Examples that a paper's figures show: mixed clouds, and pictures of retrieved shapes.

Inputs: stores of clouds, views and retrieval evaluations. Outputs: artifacts/<scale>/<paper>/figures/*.npz.
"""


rule mixed_clouds:
    input:
        inputs_of(job_of("{paper}/figures/mixed_clouds")),
    output:
        LAYOUT.example("{paper}", "mixed_clouds"),
        LAYOUT.record("{paper}/figures/mixed_clouds"),
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
        nodes=nodes_of(job_of("{paper}/figures/mixed_clouds")),
    message:
        "Figures: mixed clouds of {wildcards.paper}"
    script:
        "../workflow_scripts/mixed_clouds.py"


rule retrieval_pictures:
    input:
        inputs_of(job_of("{paper}/figures/pictures__{dataset}")),
    output:
        LAYOUT.example("{paper}", "pictures__{dataset}"),
        LAYOUT.record("{paper}/figures/pictures__{dataset}"),
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
    params:
        nodes=nodes_of(job_of("{paper}/figures/pictures__{dataset}")),
    message:
        "Figures: pictures of retrieved shapes of {wildcards.dataset}"
    script:
        "../workflow_scripts/retrieval_pictures.py"
