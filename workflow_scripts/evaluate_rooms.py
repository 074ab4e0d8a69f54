"""Rule evaluate_rooms: semantic segmentation of rooms, from the raw blocks with all their channels."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import read_blocks
    from concord3d.evaluation.protocols import EvaluationJob, evaluate
    from concord3d.training.seeding import set_threads

    run, dataset = snakemake.params.run, snakemake.wildcards.dataset
    set_threads(run["training"]["threads"])
    spec = load_catalog(Path(snakemake.input.catalog))[dataset]
    root = Path(snakemake.input.marker).parent
    evaluate(
        EvaluationJob(
            run_config=run,
            model_path=Path(snakemake.input.model),
            snapshot_paths=[],
            train=read_blocks(spec, root, spec.splits["train"].areas),
            test=read_blocks(spec, root, spec.splits["test"].areas),
            protocol="semantic_segmentation",
            settings=snakemake.params.settings,
            out=Path(snakemake.output[0]).with_suffix(""),
            device=snakemake.params.device,
            dataset=dataset,
            data_kind=snakemake.params.data_kind,
            work_dir=Path("work") / Path(snakemake.output[0]).with_suffix(""),
        )
    )
