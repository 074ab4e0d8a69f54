"""Rule world_dataset: the synthetic world writes one data set in its real on-disk layout."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.world.build import WorldRecipe, build_dataset

    use = snakemake.params.use
    recipe = WorldRecipe(
        dataset=snakemake.wildcards.dataset,
        splits=use["splits"],
        categories=tuple(use["categories"]) if use["categories"] else None,
        num_points=use["num_points"],
        seed=snakemake.params.seed,
    )
    build_dataset(recipe, Path(snakemake.output[0]).parent, workers=snakemake.threads)
