"""Evaluation. All protocols on one saved module of a training share a node, and are given the same features.

Inputs: weights of trainings and stores of data sets.
Outputs: artifacts/<scale>/<paper>/eval/<experiment>__<data set>__<protocol>__s<seed>.{json,npz}.
"""

for job in PLAN.jobs_of("evaluate"):

    rule:
        name:
            job.name
        input:
            inputs_of(job),
        output:
            made_by(job),
        log:
            f"logs/evaluate/{job.name}.log",
        benchmark:
            f"benchmarks-out/evaluate/{job.name}.tsv"
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
            f"Evaluate: {job.name}, {len(job.nodes)} encoders"
        script:
            "../workflow_scripts/evaluate.py"
