"""Rule pretrain: train one encoder (or save an untrained one for the reference row) and leave its record."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.provenance.record import git_state, write_provenance
    from concord3d.training.inputs import TrainingFiles, training_task
    from concord3d.training.pretrain import pretrain
    from concord3d.training.seeding import set_threads

    run = snakemake.params.run
    sources = git_state(Path(snakemake.params.repository))
    set_threads(snakemake.threads)
    given = {name: [Path(path) for path in paths] for name, paths in snakemake.input.items() if name != "records"}
    teacher = given.pop("teacher", [])
    files = TrainingFiles(**given, teacher=teacher[0] if teacher else None)
    out_dir = Path(snakemake.output.model).parent
    pretrain(training_task(run, files, job.work, out_dir, snakemake.params.device, job.identity))
    write_provenance(
        Path(snakemake.output.provenance),
        run,
        files.named(),
        Path(snakemake.output.run),
        f"{job.command} --force -- {snakemake.output.model}",
        sources,
        job.identity,
    )
