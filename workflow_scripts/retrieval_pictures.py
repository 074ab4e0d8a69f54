"""Rule retrieval_pictures: one picture of each test shape that the grids of retrieved shapes can show."""

from pathlib import Path

from job import NodeJob, make_nodes

THREADS = snakemake.threads


def make(job: NodeJob) -> None:
    import numpy as np

    from concord3d.arrays import write_arrays
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import find_reader
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.render.portraits import PORTRAIT_PIXELS, cloud_portraits, mesh_portraits
    from concord3d.render.shards import make_renderer
    from concord3d.render.view_spec import STORED_SETS
    from concord3d.reporting.evidence.retrieved_shapes import shown_shapes

    told = job.params
    rows, names = shown_shapes(job.files["evaluations"])
    spec = load_catalog(Path(told["catalog"]))[told["dataset"]]
    root, reader = job.files["marker"][0].parent, find_reader(spec.reader)
    if reader.has_meshes:
        # Pictures for people do not depend on which renderer draws those for encoders.
        meshes = ((item.name, item.mesh) for item in reader.read_meshes(spec, root, told["split"]))
        images = mesh_portraits(meshes, names, make_renderer("open3d", THREADS))
    elif reader.picture_set:
        brought = reader.read_pictures(spec, root, names, STORED_SETS[reader.picture_set], PORTRAIT_PIXELS)
        images = np.stack([views[0] for views in brought])
    else:
        images = cloud_portraits(CloudSplit.load(job.files["clouds"][0]).points[rows])
    write_arrays(job.outputs[0], {"names": np.array(names), "images": images})


make_nodes(snakemake, make)
