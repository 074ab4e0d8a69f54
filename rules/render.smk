"""Views of the objects that encoders are pre-trained on, kept in a content-addressed store.

Inputs: raw meshes, or canonical clouds where a data set has no meshes.
Output: artifacts/<scale>/views/<data set>__<split>__<view set>__<pixels>.json, an index into artifacts/<scale>/views/store/.
"""


rule views:
    input:
        inputs_of(job_of("views/{dataset}__{split}__{view_set}__{pixels}")),
    output:
        LAYOUT.views("{dataset}", "{split}", "{view_set}", "{pixels}"),
        LAYOUT.record("views/{dataset}__{split}__{view_set}__{pixels}"),
    log:
        "logs/views/{dataset}__{split}__{view_set}__{pixels}.log",
    benchmark:
        "benchmarks-out/views/{dataset}__{split}__{view_set}__{pixels}.tsv"
    conda:
        "../envs/pytorch3d.yaml" if PLAN.renderer == "pytorch3d" else "../envs/core.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=GPU if PLAN.renderer == "pytorch3d" else 0,
    params:
        nodes=nodes_of(job_of("views/{dataset}__{split}__{view_set}__{pixels}")),
    message:
        "Render: {wildcards.view_set} of {wildcards.dataset}/{wildcards.split} at {wildcards.pixels} pixels"
    script:
        "../workflow_scripts/views.py"
