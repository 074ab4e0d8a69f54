"""Rules evaluate_*: the protocols of one job, on one trained encoder."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.records import CloudSplit
    from concord3d.evaluation.protocols import EvaluationJob, evaluate
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    stores = {(path.parent.name, path.stem): path for path in map(Path, snakemake.input.stores)}
    set_threads(run["training"]["threads"])
    outputs = [Path(path) for path in snakemake.output if path.endswith(".json")]
    for (protocol, dataset, settings), out in zip(snakemake.params.jobs, outputs, strict=True):
        evaluate(
            EvaluationJob(
                run_config=run,
                model_path=Path(snakemake.input.model),
                snapshot_paths=sorted(Path(snakemake.input.snapshots).glob("*.safetensors")),
                train=CloudSplit.load(stores[dataset, "train"]),
                test=CloudSplit.load(stores[dataset, "test"]),
                protocol=protocol,
                settings=settings,
                out=out.with_suffix(""),
                device=snakemake.params.device,
            )
        )
