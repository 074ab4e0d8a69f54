"""Rule train: train methods, each with its own checkpoints, and leave the record of every run."""

from pathlib import Path

from job import NodeJob, make_nodes


def make(job: NodeJob) -> float:
    from concord3d.files import read_json
    from concord3d.layout import TOWER_WEIGHTS
    from concord3d.provenance.checkout import git_state
    from concord3d.provenance.record import write_provenance
    from concord3d.training.files import TrainingFolder
    from concord3d.training.opening import opened_task
    from concord3d.training.seeding import set_threads
    from concord3d.training.train import train

    run, folder = job.params["run"], Path(job.params["folder"])
    sources = git_state(Path())
    set_threads(job.threads)
    needs = {role: (earlier, Path(place)) for role, (earlier, place) in job.params["needs"].items()}
    reads = {name: job.files[name] for name in job.params["reads"]}
    told = job.device, job.identity, TOWER_WEIGHTS, Path(job.params["exports"])
    train(opened_task(run, reads, needs, job.work, folder, *told))
    files = TrainingFolder(folder)
    write_provenance(files.provenance, run, job.named_files(), files.machine, job.remake_command, sources, job.identity)
    return float(read_json(files.machine)["earlier_cpu_s"])


make_nodes(snakemake, make)
