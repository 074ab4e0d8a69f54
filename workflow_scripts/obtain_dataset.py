"""Rule obtain_dataset: bring a real data set to data/raw, verified. The only rule that uses the network."""

import os
from pathlib import Path

from job import node_job

with node_job(snakemake) as job:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.verify import obtain

    spec = load_catalog(Path(snakemake.params.catalog))[snakemake.wildcards.dataset]
    mirror = os.environ.get("CONCORD3D_MIRROR")
    obtain(spec, Path(snakemake.output.marker).parent, mirrors=[mirror] if mirror else [])
