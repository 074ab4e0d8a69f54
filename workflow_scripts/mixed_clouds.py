"""Rule mixed_clouds: two test shapes mixed by every operator, for a figure."""

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    from concord3d.arrays import write_arrays
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.geometry.mixing.settings import MixingSettings
    from concord3d.protocols.evaluation.mixing_examples import mixing_examples

    split = CloudSplit.load(job.files["clouds"][0])
    num_points = min(job.recipe["num_points"], split.points.shape[1])
    settings = MixingSettings.model_validate(job.recipe["mixing"])
    write_arrays(job.outputs[0], mixing_examples(split, job.recipe["weights"], num_points, settings))


make_nodes(snakemake, make)
