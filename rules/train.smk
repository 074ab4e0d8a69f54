"""Training, of papers' encoders and of towers. A job trains one or several runs, each with its own checkpoints and record;
which runs share a job says `batch` of the scale.

Inputs: what the methods' kinds of data are read from, and the weights of earlier trainings.
Outputs: artifacts/<scale>/<paper>/train/<experiment>__s<seed>/ and artifacts/<scale>/towers/<tower>/.
Checkpoints in progress live in work/ under the identity of the training and are no outputs.
"""

for job in PLAN.jobs_of("train"):

    rule:
        name:
            job.name
        input:
            inputs_of(job),
        output:
            made_by(job),
        log:
            f"logs/train/{job.name}.log",
        benchmark:
            f"benchmarks-out/train/{job.name}.tsv"
        conda:
            "../envs/cuda.yaml"
        threads: job.threads
        resources:
            mem_mb=memory_with_clouds(6000),
            runtime=2880,
            gpu=GPU,
        params:
            nodes=nodes_of(job),
        message:
            f"Train: {job.name}, {len(job.nodes)} runs"
        script:
            "../workflow_scripts/train.py"
