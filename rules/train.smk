"""Pre-training: one job per experiment and seed.

Inputs: clouds of the pre-training sets with their views or their tower features, and the weights of a teacher where the
method has one. Outputs: the encoder, its snapshots, the history and the record of the run.
In-progress checkpoints live in work/ under the hash of the configuration and are no outputs.
"""


rule pretrain:
    input:
        clouds=pretraining_clouds,
        views=pretraining_views,
        image_features=pretraining_image_features,
        text_features=pretraining_text_features,
        teacher=pretraining_teacher,
    output:
        model=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "model.safetensors",
        snapshots=directory(ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "snapshots"),
        history=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "train.json",
        record=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "run.json",
        provenance=ARTIFACTS / "{paper}" / "train" / "{experiment}__s{seed}" / "provenance.json",
    log:
        "logs/pretrain/{paper}/{experiment}__s{seed}.log",
    benchmark:
        "benchmarks-out/pretrain/{paper}/{experiment}__s{seed}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: training_threads
    resources:
        mem_mb=memory_with_clouds(6000),
        runtime=2880,
        gpu=GPU,
    params:
        run=run_config,
        work="work",
        repository=".",
        device=PARAMS.device,
    message:
        "Train: {wildcards.paper} {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../workflow_scripts/pretrain.py"
