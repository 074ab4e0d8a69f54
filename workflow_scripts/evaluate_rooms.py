"""Rule evaluate_rooms: semantic segmentation of rooms, from the raw blocks with all their channels."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import read_blocks
    from concord3d.protocols.evaluation.evaluate import evaluate
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    [[protocol, dataset, settings]] = snakemake.params.jobs
    set_threads(snakemake.threads)
    spec = load_catalog(Path(snakemake.params.catalog))[dataset]
    root = Path(snakemake.input.marker[0]).parent
    evaluate(
        EvaluationJob(
            run_config=run,
            module=snakemake.params.module,
            model_path=Path(snakemake.input.model[0]),
            snapshot_paths=[],
            train=read_blocks(spec, root, spec.splits["train"].areas),
            test=read_blocks(spec, root, spec.splits["test"].areas),
            protocol=protocol,
            settings=settings,
            out=Path(snakemake.output[0]).with_suffix(""),
            device=snakemake.params.device,
            dataset=dataset,
            data_kind=snakemake.params.data_kind,
            work_dir=job.work / job.identity / Path(snakemake.output[0]).stem,
        )
    )
