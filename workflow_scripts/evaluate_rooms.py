"""Rule evaluate_rooms: semantic segmentation of rooms, on stores of blocks with all their channels."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.stores.rooms import RoomBlocks
    from concord3d.evaluation.protocols import EvaluationJob, evaluate
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    [[protocol, dataset, settings]] = snakemake.params.jobs
    set_threads(snakemake.threads)
    splits = {path.stem: RoomBlocks.load(path) for path in map(Path, snakemake.input.stores)}
    evaluate(
        EvaluationJob(
            run_config=run,
            model_path=Path(snakemake.input.model[0]),
            snapshot_paths=[],
            train=splits["train"],
            test=splits["test"],
            protocol=protocol,
            settings=settings,
            out=Path(snakemake.output[0]).with_suffix(""),
            device=snakemake.params.device,
            dataset=dataset,
            data_kind=snakemake.params.data_kind,
            work_dir=job.work / job.identity / Path(snakemake.output[0]).stem,
        )
    )
