"""Rule views: the views of a data set's objects: drawn from meshes or clouds, or the images that came with them."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import find_reader
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.render.shards import render_cloud_views, render_mesh_views, store_image_views
    from concord3d.render.view_spec import view_spec
    from concord3d.training.seeding import set_threads

    set_threads(snakemake.threads)
    views = view_spec(snakemake.wildcards.view_set, int(snakemake.wildcards.pixels), snakemake.params.renderer)
    clouds = CloudSplit.load(Path(snakemake.input.clouds[0]))
    spec = load_catalog(Path(snakemake.params.catalog))[snakemake.wildcards.dataset]
    root = Path(snakemake.input.marker[0]).parent
    reader = find_reader(spec.reader)
    target = (
        views,
        job.store_of(snakemake.params.store, "concord3d.render", "concord3d.geometry"),
        Path(snakemake.output[0]),
    )
    if views.renderer == "points":
        render_cloud_views(clouds.points, *target)
    elif views.renderer == "images":
        pictures = reader.read_pictures(spec, root, clouds.names, views.num_views, views.image_size)
        store_image_views(pictures, *target)
    else:
        meshes = reader.read_meshes(spec, root, snakemake.wildcards.split)
        render_mesh_views(meshes, *target, num_threads=snakemake.threads, device=snakemake.params.device)
    job.also_shards(Path(snakemake.output[0]))
