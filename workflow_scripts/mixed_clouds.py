"""Rule mixed_clouds: two test shapes mixed by every operator, for a figure."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.arrays import write_arrays
    from concord3d.data.records import CloudSplit
    from concord3d.geometry.mixing.settings import MixingSettings
    from concord3d.protocols.evaluation.mixing_examples import mixing_examples

    split = CloudSplit.load(Path(snakemake.input.clouds[0]))
    num_points = min(job.recipe["num_points"], split.points.shape[1])
    settings = MixingSettings.model_validate(job.recipe["mixing"])
    write_arrays(Path(snakemake.output[0]), mixing_examples(split, job.recipe["weights"], num_points, settings))
