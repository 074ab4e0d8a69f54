"""Pre-training: one job per experiment and seed.

Inputs: clouds of the pre-training sets with their views or their tower features, and the weights of a teacher where the
method has one. Outputs: the encoder, its snapshots, the history and the record of the run.
In-progress checkpoints live in work/ under the identity of the training and are no outputs.
"""


rule pretrain:
    input:
        unpack(inputs_of("{paper}/train/{experiment}__s{seed}")),
    output:
        model=LAYOUT.training("{paper}", "{experiment}", "{seed}") / "model.safetensors",
        snapshots=directory(LAYOUT.training("{paper}", "{experiment}", "{seed}") / "snapshots"),
        history=LAYOUT.training("{paper}", "{experiment}", "{seed}") / "train.json",
        run=LAYOUT.training("{paper}", "{experiment}", "{seed}") / "run.json",
        provenance=LAYOUT.training("{paper}", "{experiment}", "{seed}") / "provenance.json",
        record=LAYOUT.record("{paper}/train/{experiment}__s{seed}"),
    log:
        "logs/pretrain/{paper}/{experiment}__s{seed}.log",
    benchmark:
        "benchmarks-out/pretrain/{paper}/{experiment}__s{seed}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: lambda wildcards: node_of("{paper}/train/{experiment}__s{seed}")(wildcards).params["run"]["training"]["threads"]
    resources:
        mem_mb=memory_with_clouds(6000),
        runtime=2880,
        gpu=GPU,
    params:
        node=payload_of("{paper}/train/{experiment}__s{seed}"),
        run=param_of("{paper}/train/{experiment}__s{seed}", "run"),
        repository=".",
        device=PARAMS.device,
    message:
        "Train: {wildcards.paper} {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../workflow_scripts/pretrain.py"
