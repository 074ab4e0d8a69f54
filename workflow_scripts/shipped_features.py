"""Rule shipped_features: tower features of pictures and texts that a release brings along."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import find_reader
    from concord3d.features.shipped import shipped_features
    from concord3d.features.tower import TowerSpec
    from concord3d.files import write_json

    spec = load_catalog(Path(snakemake.params.catalog))[snakemake.wildcards.dataset]
    root = Path(snakemake.input.marker[0]).parent
    features = find_reader(spec.reader).read_tower_features(spec, root, snakemake.wildcards.split)
    count = shipped_features(
        features,
        TowerSpec(**snakemake.params.tower),
        job.store_of(snakemake.params.store),
        Path(snakemake.output.images),
        Path(snakemake.output.texts),
    )
    write_json(Path(snakemake.output.run), count.record())
    job.also_shards(Path(snakemake.output.images))
    job.also_shards(Path(snakemake.output.texts))
