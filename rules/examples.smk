"""Examples that a paper's figures show: mixed clouds, pictures of retrieved shapes, predictions of hidden parts.

Inputs: stores of clouds, views, trainings and retrieval evaluations. Outputs: artifacts/<scale>/<paper>/figures/*.npz.
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


rule reconstructions:
    input:
        inputs_of(job_of("{paper}/figures/reconstructed__{experiment}")),
    output:
        LAYOUT.example("{paper}", "reconstructed__{experiment}"),
        LAYOUT.record("{paper}/figures/reconstructed__{experiment}"),
    log:
        "logs/reconstructions/{paper}__{experiment}.log",
    benchmark:
        "benchmarks-out/reconstructions/{paper}__{experiment}.tsv"
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory_with_clouds(3000),
        runtime=30,
        gpu=0,
    params:
        nodes=nodes_of(job_of("{paper}/figures/reconstructed__{experiment}")),
    message:
        "Figures: hidden parts as {wildcards.experiment} of {wildcards.paper} predicts them"
    script:
        "../workflow_scripts/reconstructions.py"
