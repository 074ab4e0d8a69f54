"""Rule views: the views of a data set's objects: drawn from meshes or clouds, or the images that came with them."""

from pathlib import Path

from job import NodeJob, make_nodes

THREADS = snakemake.threads


def make(job: NodeJob) -> None:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import find_reader
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.render.shards import render_cloud_views, render_mesh_views, store_image_views
    from concord3d.render.view_spec import view_spec
    from concord3d.training.seeding import set_threads

    set_threads(THREADS)
    told = job.params
    views = view_spec(told["view_set"], told["pixels"], told["renderer"])
    clouds = CloudSplit.load(job.files["clouds"][0])
    spec = load_catalog(Path(told["catalog"]))[told["dataset"]]
    root, index, reader = job.files["marker"][0].parent, job.outputs[0], find_reader(spec.reader)
    target = (views, job.store_of(told["store"], "concord3d.render", "concord3d.geometry"), index)
    if views.renderer == "points":
        render_cloud_views(clouds.points, *target)
    elif views.renderer == "images":
        pictures = reader.read_pictures(spec, root, clouds.names, views.num_views, views.image_size)
        store_image_views(pictures, *target)
    else:
        meshes = reader.read_meshes(spec, root, told["split"])
        render_mesh_views(meshes, *target, num_threads=THREADS, device=told["device"])
    job.also_shards(index)


make_nodes(snakemake, make)
