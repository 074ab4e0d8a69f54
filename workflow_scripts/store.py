"""Rule store: read one split of a raw data set into the canonical store of clouds."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import read_split

    spec = load_catalog(Path(snakemake.input.catalog))[snakemake.wildcards.dataset]
    root = Path(snakemake.input.marker).parent
    clouds = read_split(spec, root, snakemake.wildcards.split, snakemake.params.data_kind, snakemake.params.num_points)
    clouds.validated().save(Path(snakemake.output[0]))
