"""Rules evaluate_*: the protocols of one job, on one trained encoder; frozen features are computed once."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.records import CloudSplit
    from concord3d.evaluation.protocols import EvaluationJob, evaluate_all
    from concord3d.evaluation.tower_inputs import TowerFiles, read_tower_features
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    set_threads(run["training"]["threads"])
    splits = {
        (path.parent.name, path.stem): CloudSplit.load(path) for path in map(Path, sorted(set(snakemake.input.stores)))
    }
    towers = {
        dataset: read_tower_features(
            splits[dataset, "test"], TowerFiles(**{need: Path(index) for need, index in indices.items()})
        )
        for dataset, indices in snakemake.params.tower.items()
    }
    outputs = [Path(path) for path in snakemake.output if path.endswith(".json")]
    evaluate_all(
        EvaluationJob(
            run_config=run,
            model_path=Path(snakemake.input.model),
            snapshot_paths=sorted(Path(snakemake.input.snapshots).glob("*.safetensors")),
            train=splits.get((dataset, "train")),
            test=splits[dataset, "test"],
            protocol=protocol,
            settings=settings,
            out=out.with_suffix(""),
            device=snakemake.params.device,
            tower=towers.get(dataset),
            work_dir=Path("work") / out.with_suffix(""),
        )
        for (protocol, dataset, settings), out in zip(snakemake.params.jobs, outputs, strict=True)
    )
