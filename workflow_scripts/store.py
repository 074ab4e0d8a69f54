"""Rule store: read one split of a raw data set into the canonical store of clouds."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import read_split

    spec = load_catalog(Path(snakemake.params.catalog))[snakemake.wildcards.dataset]
    root = Path(snakemake.input.marker[0]).parent
    recipe = job.recipe
    clouds = read_split(spec, root, recipe["split"], recipe["data_kind"], recipe["num_points"])
    clouds.validated().save(Path(snakemake.output[0]))
