"""Rule mixed_clouds: two test shapes mixed by every operator, for a figure."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.arrays import write_arrays
    from concord3d.data.records import CloudSplit
    from concord3d.evaluation.mixing_examples import mixing_examples
    from concord3d.evaluation.settings import ConsistencySettings

    settings = ConsistencySettings.model_validate(snakemake.params.settings)
    split = CloudSplit.load(Path(snakemake.input[0]))
    num_points = min(snakemake.params.num_points, split.points.shape[1])
    arrays = mixing_examples(split, settings.weights, num_points, settings.mixing)
    write_arrays(Path(snakemake.output[0]), arrays)
