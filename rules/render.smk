"""Views of the objects that encoders are pre-trained on, kept in a content-addressed store.

Inputs: raw meshes, or canonical clouds where a data set has no meshes.
Output: artifacts/<scale>/views/<data set>__<split>__<view set>__<pixels>.json, an index into artifacts/<scale>/views/store/.
"""


rule views:
    input:
        marker=lambda wildcards: raw_marker(wildcards.dataset),
        clouds=lambda wildcards: store(wildcards.dataset, wildcards.split),
        catalog=ancient(CATALOG),
    output:
        ARTIFACTS / "views" / "{dataset}__{split}__{view_set}__{pixels}.json",
    log:
        "logs/views/{dataset}__{split}__{view_set}__{pixels}.log",
    benchmark:
        "benchmarks-out/views/{dataset}__{split}__{view_set}__{pixels}.tsv"
    conda:
        "../envs/pytorch3d.yaml" if RENDERER == "pytorch3d" else "../envs/core.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=GPU if RENDERER == "pytorch3d" else 0,
    params:
        spec=spec_identity("files"),
        store=str(ARTIFACTS / "views" / "store"),
        renderer=views_renderer,
        device=lambda wildcards: PARAMS.device if views_renderer(wildcards) == "pytorch3d" else "cpu",
    message:
        "Render: {wildcards.view_set} of {wildcards.dataset}/{wildcards.split} at {wildcards.pixels} pixels"
    script:
        "../workflow_scripts/views.py"
