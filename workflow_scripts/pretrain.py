"""Rule pretrain: train one encoder (or save an untrained one for the reference row) and leave its record."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.records import CloudSplit
    from concord3d.provenance.record import write_provenance
    from concord3d.render.shards import open_view_set
    from concord3d.training.pretrain import TrainRun, pretrain
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    set_threads(run["training"]["threads"])
    inputs = {name: Path(paths[0]) for name in ("clouds", "views") if (paths := list(snakemake.input.get(name, [])))}
    clouds = CloudSplit.load(inputs["clouds"]) if "clouds" in inputs else None
    pretrain(
        TrainRun(
            run_config=run,
            points=None if clouds is None else clouds.points,
            labels=None if clouds is None else clouds.labels,
            views=open_view_set(inputs["views"]) if "views" in inputs else None,
            work_dir=Path(snakemake.params.work),
            out_dir=Path(snakemake.output.model).parent,
            device=snakemake.params.device,
        )
    )
    write_provenance(
        Path(snakemake.output.provenance),
        run,
        inputs,
        Path(snakemake.output.record),
        f"snakemake --cores all --config scale={run['scale']} --force -- {snakemake.output.model}",
        Path(snakemake.params.repository),
    )
