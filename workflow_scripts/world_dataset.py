"""Rule world_dataset: the synthetic world writes one data set in its real on-disk layout."""

from job import NodeJob, make_nodes

WORKERS = snakemake.threads


def make(job: NodeJob) -> None:
    from concord3d.world.build import build_dataset
    from concord3d.world.datasets.interface import WorldRecipe

    asked = job.recipe
    recipe = WorldRecipe(**{**asked, "categories": tuple(asked["categories"]) if asked["categories"] else None})
    folder = job.outputs[0].parent
    folders = {marker.parent.name: marker.parent for marker in job.files.get("foreign", [])}
    build_dataset(recipe, folder, workers=WORKERS, folders=folders)
    job.also([folder])


make_nodes(snakemake, make)
