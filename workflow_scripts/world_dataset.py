"""Rule world_dataset: the synthetic world writes one data set in its real on-disk layout."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.world.build import build_dataset
    from concord3d.world.datasets.interface import WorldRecipe

    asked = job.recipe
    recipe = WorldRecipe(**{**asked, "categories": tuple(asked["categories"]) if asked["categories"] else None})
    folder = Path(snakemake.output.marker).parent
    build_dataset(recipe, folder, workers=snakemake.threads)
    job.also([folder])
