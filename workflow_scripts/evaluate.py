"""Rules evaluate_*: the protocols of one job, on one trained encoder; frozen features are computed once."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.stores import open_store
    from concord3d.evaluation.protocols import EvaluationJob, evaluate_all
    from concord3d.evaluation.tower_inputs import TowerFiles, read_tower_features
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    set_threads(snakemake.threads)
    splits = {
        (path.parent.name, path.stem): open_store(path) for path in map(Path, sorted(set(snakemake.input.stores)))
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
            model_path=Path(snakemake.input.model[0]),
            snapshot_paths=sorted(Path(snakemake.input.snapshots[0]).glob("*.safetensors")),
            train=splits.get((dataset, "train")),
            test=splits[dataset, "test"],
            protocol=protocol,
            settings=settings,
            out=out.with_suffix(""),
            device=snakemake.params.device,
            tower=towers.get(dataset),
            work_dir=job.work / job.identity / out.stem,
        )
        for (protocol, dataset, settings), out in zip(snakemake.params.jobs, outputs, strict=True)
    )
