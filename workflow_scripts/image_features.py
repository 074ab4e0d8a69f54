"""Rule image_features: the features of a view set's pictures; what is stored already is not encoded again."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.features.cache import image_features
    from concord3d.features.open_clip_adapter import open_tower
    from concord3d.features.tower import TowerSpec
    from concord3d.files import read_json, write_json
    from concord3d.render.stored import open_view_set
    from concord3d.training.seeding import set_threads

    set_threads(snakemake.threads)
    tower = open_tower(
        TowerSpec(**snakemake.params.tower), snakemake.params.device, Path(snakemake.params.weights_folder)
    )
    index_path = Path(snakemake.input.views[0])
    index = read_json(index_path)
    hashes = [shard["sha256"] for shard in index["shards"]]
    count = image_features(
        open_view_set(index_path).images,
        hashes,
        tower,
        job.store_of(snakemake.params.store, "concord3d.features"),
        Path(snakemake.output.index),
        index.get("drawn_by"),
    )
    write_json(Path(snakemake.output.run), count.record())
    job.also_shards(Path(snakemake.output.index))
