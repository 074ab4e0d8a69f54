"""Frozen towers: the small ones are trained here; what a tower says of pictures and texts is computed once.

Inputs: rendered views and stores of clouds with texts. Outputs: artifacts/<scale>/towers/<tower>/ and, for each list of
pictures or texts, an index artifacts/<scale>/features/<tower>/<data set>__<split>__*.json into a content-addressed store.
"""


rule tower:
    input:
        clouds=tower_clouds,
        views=tower_views,
        config=lambda wildcards: tower_use(wildcards).model,
    output:
        model=ARTIFACTS / "towers" / "{tower}" / "model.safetensors",
        config=ARTIFACTS / "towers" / "{tower}" / "open_clip_config.json",
        history=ARTIFACTS / "towers" / "{tower}" / "tower.json",
        gate=ARTIFACTS / "towers" / "{tower}" / "gate.json",
        record=ARTIFACTS / "towers" / "{tower}" / "run.json",
        provenance=ARTIFACTS / "towers" / "{tower}" / "provenance.json",
    log:
        "logs/tower/{tower}.log",
    benchmark:
        "benchmarks-out/tower/{tower}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: lambda wildcards: tower_use(wildcards).training.settings.get("threads", 1)
    resources:
        mem_mb=6000,
        runtime=1440,
        gpu=GPU,
    params:
        run=tower_run,
        sets=tower_sets,
        work="work",
        repository=".",
        device=PARAMS.device,
    message:
        "Tower: training {wildcards.tower}"
    script:
        "../workflow_scripts/tower.py"


rule image_features:
    input:
        views=ARTIFACTS / "views" / "{dataset}__{split}__{view_set}__{pixels}.json",
        tower=tower_model,
    output:
        index=ARTIFACTS / "features" / "{tower}" / "{dataset}__{split}__{view_set}__{pixels}__images.json",
        record=ARTIFACTS / "features" / "{tower}" / "{dataset}__{split}__{view_set}__{pixels}__images.run.json",
    log:
        "logs/image_features/{tower}/{dataset}__{split}__{view_set}__{pixels}.log",
    benchmark:
        "benchmarks-out/image_features/{tower}/{dataset}__{split}__{view_set}__{pixels}.tsv"
    wildcard_constraints:
        dataset=datasets_with_features(False),
    conda:
        "../envs/cuda.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=1440,
        gpu=GPU,
    params:
        tower=tower_spec,
        store=str(ARTIFACTS / "features" / "store"),
        weights_folder=str(RAW / "towers"),
        device=PARAMS.device,
    message:
        "Features: {wildcards.tower} on the pictures of {wildcards.dataset}/{wildcards.split}"
    script:
        "../workflow_scripts/image_features.py"


rule text_features:
    input:
        clouds=ARTIFACTS / "stores" / "{dataset}" / "{split}.npz",
        tower=tower_model,
    output:
        index=ARTIFACTS / "features" / "{tower}" / "{dataset}__{split}__texts.json",
        record=ARTIFACTS / "features" / "{tower}" / "{dataset}__{split}__texts.run.json",
    log:
        "logs/text_features/{tower}/{dataset}__{split}__texts.log",
    benchmark:
        "benchmarks-out/text_features/{tower}/{dataset}__{split}__texts.tsv"
    wildcard_constraints:
        dataset=datasets_with_features(False),
    conda:
        "../envs/cuda.yaml"
    threads: 1
    resources:
        mem_mb=memory_with_clouds(4000),
        runtime=240,
        gpu=GPU,
    params:
        tower=tower_spec,
        store=str(ARTIFACTS / "features" / "store"),
        weights_folder=str(RAW / "towers"),
        device=PARAMS.device,
    message:
        "Features: {wildcards.tower} on the texts of {wildcards.dataset}/{wildcards.split}"
    script:
        "../workflow_scripts/text_features.py"


rule shipped_features:
    input:
        marker=lambda wildcards: raw_marker(wildcards.dataset),
        catalog=ancient(CATALOG),
    output:
        images=ARTIFACTS / "features" / "{tower}" / "{dataset}__{split}__images.json",
        texts=ARTIFACTS / "features" / "{tower}" / "{dataset}__{split}__texts.json",
        record=ARTIFACTS / "features" / "{tower}" / "{dataset}__{split}__shipped.run.json",
    log:
        "logs/shipped_features/{tower}/{dataset}__{split}.log",
    benchmark:
        "benchmarks-out/shipped_features/{tower}/{dataset}__{split}.tsv"
    wildcard_constraints:
        dataset=datasets_with_features(True),
    conda:
        "../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=0,
    params:
        spec=spec_identity("files"),
        tower=tower_spec,
        store=str(ARTIFACTS / "features" / "store"),
    message:
        "Features: those that {wildcards.dataset}/{wildcards.split} brings along"
    script:
        "../workflow_scripts/shipped_features.py"


rule class_features:
    input:
        clouds=ARTIFACTS / "stores" / "{dataset}" / "test.npz",
        tower=tower_model,
    output:
        index=ARTIFACTS / "features" / "{tower}" / "{dataset}__classes.json",
        classes=ARTIFACTS / "features" / "{tower}" / "{dataset}__classes.npz",
        record=ARTIFACTS / "features" / "{tower}" / "{dataset}__classes.run.json",
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
        tower=tower_spec,
        store=str(ARTIFACTS / "features" / "store"),
        weights_folder=str(RAW / "towers"),
        device=PARAMS.device,
    message:
        "Features: {wildcards.tower} on the class names of {wildcards.dataset}"
    script:
        "../workflow_scripts/text_features.py"
