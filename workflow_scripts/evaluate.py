"""Rules evaluate_*: the protocols of one job, on one trained encoder; frozen features are computed once."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.records import CloudSplit
    from concord3d.protocols.evaluation.evaluate import evaluate_all
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.tower_features import TowerFeatures
    from concord3d.protocols.evaluation.tower_files import TowerFiles, read_tower_features
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    set_threads(snakemake.threads)
    splits = {
        (path.parent.name, path.stem): CloudSplit.load(path) for path in map(Path, sorted(set(snakemake.input.stores)))
    }
    towers = {
        dataset: read_tower_features(
            splits[dataset, "test"], TowerFiles(**{need: Path(index) for need, index in indices.items()})
        )
        for dataset, indices in snakemake.params.tower.items()
    }
    outputs = [Path(path) for path in snakemake.output if path.endswith(".json") and path != snakemake.output.record]
    evaluate_all(
        EvaluationJob(
            run_config=run,
            module=snakemake.params.module,
            model_path=Path(snakemake.input.model[0]),
            snapshot_paths=sorted(Path(snakemake.input.snapshots[0]).glob("*.safetensors")),
            train=splits.get((dataset, "train")),
            test=splits[dataset, "test"],
            protocol=protocol,
            settings=settings,
            out=out.with_suffix(""),
            device=snakemake.params.device,
            tower=towers.get(dataset, TowerFeatures()),
            work_dir=job.work / job.identity / out.stem,
        )
        for (protocol, dataset, settings), out in zip(snakemake.params.jobs, outputs, strict=True)
    )
