"""Rule obtain_dataset: bring a real data set to data/raw, verified. The only rule that uses the network."""

import os
from pathlib import Path

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.verify import obtain

    spec = load_catalog(Path(job.params["catalog"]))[job.params["dataset"]]
    mirror = os.environ.get("CONCORD3D_MIRROR")
    obtain(spec, job.outputs[0].parent, mirrors=[mirror] if mirror else [])


make_nodes(snakemake, make)
