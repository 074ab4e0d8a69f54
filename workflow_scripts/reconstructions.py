"""Rule reconstructions: what a trained student predicts of the hidden parts of some objects, for a figure."""

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    import numpy as np

    from concord3d.arrays import write_arrays
    from concord3d.batches.unlabelled import opened
    from concord3d.methods.interface import saved_module
    from concord3d.methods.settings import method_settings
    from concord3d.protocols.evaluation.reconstruction_examples import reconstruction_examples
    from concord3d.training.seeding import set_threads

    set_threads(job.threads)
    run = job.params["run"]
    settings = method_settings(run["method"], run["objective"])
    data = opened(run, settings, {name: job.files[name] for name in job.params["reads"]})
    student = saved_module(run, job.params["module"], job.files["weights"][0]).student
    arrays = reconstruction_examples(run, settings, student, data, job.recipe["num_objects"])
    write_arrays(job.outputs[0], {**arrays, "data_kind": np.array(run["pretrain"]["data_kind"])})


make_nodes(snakemake, make)
