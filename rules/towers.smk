"""Frozen towers: the small ones are trained here; what a tower says of pictures and texts is computed once.

Inputs: rendered views and stores of clouds with texts. Outputs: artifacts/<scale>/towers/<tower>/ and, for each list of
pictures or texts, an index artifacts/<scale>/features/<tower>/<data set>__<split>__*.json into a content-addressed store.
"""


rule tower:
    input:
        unpack(inputs_of("towers/{tower}")),
    output:
        model=LAYOUT.tower("{tower}") / "model.safetensors",
        config=LAYOUT.tower("{tower}") / "open_clip_config.json",
        history=LAYOUT.tower("{tower}") / "tower.json",
        gate=LAYOUT.tower("{tower}") / "gate.json",
        run=LAYOUT.tower("{tower}") / "run.json",
        provenance=LAYOUT.tower("{tower}") / "provenance.json",
        record=LAYOUT.record("towers/{tower}"),
    log:
        "logs/tower/{tower}.log",
    benchmark:
        "benchmarks-out/tower/{tower}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: lambda wildcards: PLAN.scale.towers[wildcards.tower].training.settings.get("threads", 1)
    resources:
        mem_mb=6000,
        runtime=1440,
        gpu=GPU,
    params:
        node=payload_of("towers/{tower}"),
        run=param_of("towers/{tower}", "run"),
        sets=param_of("towers/{tower}", "sets"),
        repository=".",
        device=PARAMS.device,
    message:
        "Tower: training {wildcards.tower}"
    script:
        "../workflow_scripts/tower.py"


rule image_features:
    input:
        unpack(inputs_of("features/{tower}/{dataset}__{split}__{view_set}__{pixels}__images")),
    output:
        index=LAYOUT.features("{tower}", "{dataset}__{split}__{view_set}__{pixels}__images"),
        run=LAYOUT.features("{tower}", "{dataset}__{split}__{view_set}__{pixels}__images.run"),
        record=LAYOUT.record("features/{tower}/{dataset}__{split}__{view_set}__{pixels}__images"),
    log:
        "logs/image_features/{tower}/{dataset}__{split}__{view_set}__{pixels}.log",
    benchmark:
        "benchmarks-out/image_features/{tower}/{dataset}__{split}__{view_set}__{pixels}.tsv"
    wildcard_constraints:
        dataset=datasets_where(lambda name: not PLAN.brings_features(name)),
    conda:
        "../envs/cuda.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=1440,
        gpu=GPU,
    params:
        node=payload_of("features/{tower}/{dataset}__{split}__{view_set}__{pixels}__images"),
        tower=param_of("features/{tower}/{dataset}__{split}__{view_set}__{pixels}__images", "tower"),
        store=str(LAYOUT.feature_store),
        weights_folder=str(RAW / "towers"),
        device=PARAMS.device,
    message:
        "Features: {wildcards.tower} on the pictures of {wildcards.dataset}/{wildcards.split}"
    script:
        "../workflow_scripts/image_features.py"


rule text_features:
    input:
        unpack(inputs_of("features/{tower}/{dataset}__{split}__texts")),
    output:
        index=LAYOUT.features("{tower}", "{dataset}__{split}__texts"),
        run=LAYOUT.features("{tower}", "{dataset}__{split}__texts.run"),
        record=LAYOUT.record("features/{tower}/{dataset}__{split}__texts"),
    log:
        "logs/text_features/{tower}/{dataset}__{split}__texts.log",
    benchmark:
        "benchmarks-out/text_features/{tower}/{dataset}__{split}__texts.tsv"
    wildcard_constraints:
        dataset=datasets_where(lambda name: not PLAN.brings_features(name)),
    conda:
        "../envs/cuda.yaml"
    threads: 1
    resources:
        mem_mb=memory_with_clouds(4000),
        runtime=240,
        gpu=GPU,
    params:
        node=payload_of("features/{tower}/{dataset}__{split}__texts"),
        tower=param_of("features/{tower}/{dataset}__{split}__texts", "tower"),
        store=str(LAYOUT.feature_store),
        weights_folder=str(RAW / "towers"),
        device=PARAMS.device,
    message:
        "Features: {wildcards.tower} on the texts of {wildcards.dataset}/{wildcards.split}"
    script:
        "../workflow_scripts/text_features.py"


rule shipped_features:
    input:
        unpack(inputs_of("features/{tower}/{dataset}__{split}__shipped")),
    output:
        images=LAYOUT.features("{tower}", "{dataset}__{split}__images"),
        texts=LAYOUT.features("{tower}", "{dataset}__{split}__texts"),
        run=LAYOUT.features("{tower}", "{dataset}__{split}__shipped.run"),
        record=LAYOUT.record("features/{tower}/{dataset}__{split}__shipped"),
    log:
        "logs/shipped_features/{tower}/{dataset}__{split}.log",
    benchmark:
        "benchmarks-out/shipped_features/{tower}/{dataset}__{split}.tsv"
    wildcard_constraints:
        dataset=datasets_where(PLAN.brings_features),
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=0,
    params:
        node=payload_of("features/{tower}/{dataset}__{split}__shipped"),
        tower=param_of("features/{tower}/{dataset}__{split}__shipped", "tower"),
        catalog=str(CATALOG),
        store=str(LAYOUT.feature_store),
    message:
        "Features: those that {wildcards.dataset}/{wildcards.split} brings along"
    script:
        "../workflow_scripts/shipped_features.py"


rule class_features:
    input:
        unpack(inputs_of("features/{tower}/{dataset}__classes")),
    output:
        index=LAYOUT.features("{tower}", "{dataset}__classes"),
        classes=LAYOUT.features("{tower}", "{dataset}__classes").with_suffix(".npz"),
        run=LAYOUT.features("{tower}", "{dataset}__classes.run"),
        record=LAYOUT.record("features/{tower}/{dataset}__classes"),
    log:
        "logs/class_features/{tower}/{dataset}__classes.log",
    benchmark:
        "benchmarks-out/class_features/{tower}/{dataset}__classes.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: 1
    resources:
        mem_mb=memory_with_clouds(4000),
        runtime=240,
        gpu=GPU,
    params:
        node=payload_of("features/{tower}/{dataset}__classes"),
        tower=param_of("features/{tower}/{dataset}__classes", "tower"),
        store=str(LAYOUT.feature_store),
        weights_folder=str(RAW / "towers"),
        device=PARAMS.device,
    message:
        "Features: {wildcards.tower} on the class names of {wildcards.dataset}"
    script:
        "../workflow_scripts/text_features.py"
