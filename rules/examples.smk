"""Examples that a paper's figures show: mixed clouds, and pictures of retrieved shapes.

Inputs: stores of clouds, views and retrieval evaluations. Outputs: artifacts/<scale>/<paper>/figures/*.npz.
"""


def protocol_datasets(paper, protocol):
    """The data sets on which a protocol runs at this scale; none where it does not run."""
    return sorted({key.dataset for key in STUDIES[paper].evaluations() if key.protocol == protocol})


def retrieval_keys(paper, dataset):
    return [key for key in STUDIES[paper].evaluations() if (key.protocol, key.dataset) == ("retrieval", dataset)]


def retrieval_views(wildcards):
    """The pictures that the retrieval evaluations on a data set compare with."""
    key = retrieval_keys(wildcards.paper, wildcards.dataset)[0]
    data = STUDIES[wildcards.paper].run_config(key.experiment, key.seed)["data"]
    return views_index(wildcards.dataset, "test", data["view_set"], data["image_size"])


def figure_examples(paper):
    """The examples that the figures of a paper show at this scale."""
    mixed = ["mixed_clouds.npz"] if protocol_datasets(paper, "consistency") else []
    shown = [dataset for dataset in protocol_datasets(paper, "retrieval") if not brings_features(dataset)]
    pictures = [f"pictures__{dataset}.npz" for dataset in shown]
    return [ARTIFACTS / paper / "figures" / name for name in mixed + pictures]


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
        mem_mb=2000,
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
