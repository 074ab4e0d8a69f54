"""Rule retrieval_pictures: one picture of each test shape that the grids of retrieved shapes can show."""

from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    import numpy as np

    from concord3d.arrays import write_arrays
    from concord3d.render.stored import open_view_set
    from concord3d.reporting.evidence.retrieved_shapes import shown_shapes

    rows, names = shown_shapes([Path(path) for path in snakemake.input.evaluations])
    views = open_view_set(Path(snakemake.input.views[0]))
    images = views.read(rows, np.zeros((len(rows), 1), np.int64))[:, 0]
    write_arrays(Path(snakemake.output[0]), {"names": np.array(names), "images": images})
