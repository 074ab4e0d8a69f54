"""Rule mixed_clouds: two test shapes mixed by every operator, for a figure."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.arrays import write_arrays
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.evaluation.mixing_examples import mixing_examples
    from concord3d.evaluation.settings import ConsistencySettings

    settings = ConsistencySettings.model_validate(job.recipe["settings"])
    split = CloudSplit.load(Path(snakemake.input.clouds[0]))
    num_points = min(job.recipe["num_points"], split.points.shape[1])
    arrays = mixing_examples(split, settings.weights, num_points, settings.mixing)
    write_arrays(Path(snakemake.output[0]), arrays)
