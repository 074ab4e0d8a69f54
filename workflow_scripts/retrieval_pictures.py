"""Rule retrieval_pictures: one picture of each test shape that the grids of retrieved shapes can show."""

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    import numpy as np

    from concord3d.arrays import write_arrays
    from concord3d.render.stored import open_view_set
    from concord3d.reporting.evidence.retrieved_shapes import shown_shapes

    rows, names = shown_shapes(job.files["evaluations"])
    views = open_view_set(job.files["views"][0])
    images = views.read(rows, np.zeros((len(rows), 1), np.int64))[:, 0]
    write_arrays(job.outputs[0], {"names": np.array(names), "images": images})


make_nodes(snakemake, make)
