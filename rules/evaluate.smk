"""Evaluation. Protocols on frozen features share one job per experiment and seed; protocols that train have one each.

Inputs: an encoder (with its snapshots) and the stores of the data sets.
Outputs: artifacts/<scale>/<paper>/eval/<experiment>__<data set>__<protocol>__s<seed>.{json,npz}.
"""

for evaluation in PLAN.evaluation_rules():

    rule:
        name:
            evaluation.name
        input:
            unpack(inputs_of(evaluation.node)),
        output:
            evaluation.outputs,
            record=LAYOUT.record(evaluation.node),
        log:
            f"logs/evaluate/{evaluation.node}.log",
        benchmark:
            f"benchmarks-out/evaluate/{evaluation.node}.tsv"
        conda:
            "../envs/cuda.yaml"
        threads: evaluation.threads
        resources:
            mem_mb=memory_with_clouds(6000),
            runtime=1440,
            gpu=GPU,
        params:
            node=payload_of(evaluation.node),
            jobs=param_of(evaluation.node, "jobs"),
            tower=param_of(evaluation.node, "tower"),
            run=param_of(evaluation.node, "run"),
            module=param_of(evaluation.node, "module"),
            data_kind=param_of(evaluation.node, "data_kind"),
            catalog=str(CATALOG),
            device=PARAMS.device,
        message:
            f"Evaluate: {evaluation.name}, seed {{wildcards.seed}}"
        script:
            f"../workflow_scripts/{evaluation.script}.py"
