"""Rule store: read one split of a raw data set into its canonical store."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.reading import read_split

    spec = load_catalog(Path(snakemake.params.catalog))[snakemake.wildcards.dataset]
    root = Path(snakemake.input.marker[0]).parent
    recipe = job.recipe
    store = read_split(spec, root, recipe["split"], recipe["data_kind"], recipe["num_points"])
    store.validated().save(Path(snakemake.output[0]))
