"""Rule store: read one split of a raw data set into its canonical store."""

from pathlib import Path

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    from concord3d.data.catalog import load_catalog
    from concord3d.data.reading import read_split
    from concord3d.data.scans.options import ScanOptions

    spec = load_catalog(Path(job.params["catalog"]))[job.params["dataset"]]
    root, recipe = job.files["marker"][0].parent, job.recipe
    if "scans" in recipe["spec"]:
        spec = spec.model_copy(update={"scans": ScanOptions(**recipe["spec"]["scans"])})
    store = read_split(spec, root, recipe["split"], recipe["data_kind"], recipe["num_points"])
    store.validated().save(job.outputs[0])


make_nodes(snakemake, make)
