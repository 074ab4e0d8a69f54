"""Rule obtain_dataset: bring a real data set to data/raw, verified. The only rule that uses the network."""

import os
from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.catalog import load_catalog
    from concord3d.data.verify import obtain

    spec = load_catalog(Path(snakemake.input[0]))[snakemake.wildcards.dataset]
    mirror = os.environ.get("CONCORD3D_MIRROR")
    obtain(spec, Path(snakemake.output[0]).parent, mirrors=[mirror] if mirror else [])
