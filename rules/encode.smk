"""What is computed once for all trainings: what frozen towers say of pictures, texts and class names, what frozen picture
encoders say of pictures and of scans, what the point encoders of trainings say of scans, and superpixels of pictures.

Inputs: views, stores and the weights of towers and of point encoders, features by frozen encoders, or releases that bring
features along.
Outputs: indices artifacts/<scale>/features/<tower>/<data set>__*.json, and features/frozen/<encoder>__<size>/ beside them,
into a store addressed by content; features/superpixels/<data set>__*.npz; of scans features/frozen/<encoder>/<data set>__*.npz and
<paper>/features/*.npz.
"""

for job in PLAN.jobs_of("encode"):

    rule:
        name:
            job.name
        input:
            inputs_of(job),
        output:
            made_by(job),
        log:
            f"logs/encode/{job.name}.log",
        benchmark:
            f"benchmarks-out/encode/{job.name}.tsv"
        conda:
            "../envs/cuda.yaml"
        threads: job.threads
        resources:
            mem_mb=memory_with_clouds(6000),
            runtime=1440,
            gpu=GPU,
        params:
            nodes=nodes_of(job),
        message:
            f"Encode: {job.name}, {len(job.nodes)} lists"
        script:
            "../workflow_scripts/encode.py"
