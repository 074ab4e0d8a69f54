"""Rules text_features and class_features: the texts of the shapes, or the sentences about a data set's classes."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.features.cache import text_features
    from concord3d.features.open_clip_adapter import open_tower
    from concord3d.features.prompts import all_class_prompts, class_features, save_class_features
    from concord3d.features.stored import open_features
    from concord3d.features.tower import TowerSpec
    from concord3d.files import write_json
    from concord3d.training.seeding import set_threads

    set_threads(snakemake.threads)
    clouds = CloudSplit.load(Path(snakemake.input.clouds[0]))
    classes = snakemake.output.get("classes")
    if classes:
        texts = all_class_prompts(clouds.class_names)
    else:
        texts = [text for shape in clouds.texts or () for text in shape.all]
    tower = open_tower(
        TowerSpec(**snakemake.params.tower), snakemake.params.device, Path(snakemake.params.weights_folder)
    )
    index = Path(snakemake.output.index)
    count = text_features(texts, tower, job.store_of(snakemake.params.store, "concord3d.features"), index)
    write_json(Path(snakemake.output.run), count.record())
    if classes:
        names = clouds.class_names
        save_class_features(Path(classes), names, class_features(open_features(index, tower.identity), names))
    job.also_shards(index)
