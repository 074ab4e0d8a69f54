"""Rule tower: train one small tower on pictures and texts, measure its gate and leave its record."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.stores.objects import CloudSplit, ShapeTexts
    from concord3d.features.pairs import PicturedObjects
    from concord3d.methods.interface import parse_settings
    from concord3d.provenance.record import git_state, write_provenance
    from concord3d.render.stored import open_view_set
    from concord3d.training.seeding import set_threads
    from concord3d.training.tower import TowerRun, TowerSettings, train_tower

    run = snakemake.params.run
    sources = git_state(Path(snakemake.params.repository))
    settings = parse_settings(TowerSettings, run["training"], "tower.training.settings")
    set_threads(snakemake.threads)
    sets, inputs = [], {"config": Path(run["model"])}
    for part in snakemake.params.sets:
        clouds = CloudSplit.load(Path(part["clouds"]))
        views = {name: open_view_set(Path(index)) for name, index in part["views"].items()}
        texts = clouds.texts or (ShapeTexts(),) * len(clouds)
        sets.append(PicturedObjects(part["dataset"], views, texts, clouds.labels, clouds.class_names))
        inputs |= {f"{part['dataset']}.{name}": Path(index) for name, index in part["views"].items()}
        inputs[f"{part['dataset']}.clouds"] = Path(part["clouds"])
    train_tower(
        TowerRun(
            model=run["model"],
            objects=sets,
            settings=settings,
            seed=run["seed"],
            work_dir=job.work,
            out_dir=Path(snakemake.output.model).parent,
            device=snakemake.params.device,
            inputs_identity=job.identity,
        )
    )
    write_provenance(
        Path(snakemake.output.provenance),
        run,
        inputs,
        Path(snakemake.output.run),
        f"{job.command} --force -- {snakemake.output.model}",
        sources,
        job.identity,
    )
