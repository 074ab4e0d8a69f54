"""Rule pretrain: train one encoder, or save an untrained one for the reference row."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.records import CloudSplit
    from concord3d.render.shards import open_view_set
    from concord3d.training.pretrain import TrainRun, pretrain
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    set_threads(run["training"]["threads"])
    clouds = CloudSplit.load(Path(snakemake.input.clouds[0])) if snakemake.input.clouds else None
    pretrain(
        TrainRun(
            run_config=run,
            points=None if clouds is None else clouds.points,
            labels=None if clouds is None else clouds.labels,
            views=open_view_set(Path(snakemake.input.views[0])) if snakemake.input.views else None,
            work_dir=Path(snakemake.params.work),
            out_dir=Path(snakemake.output.model).parent,
            device=snakemake.params.device,
        )
    )
