"""Rule encode: what frozen towers say of pictures, texts and class names; what is stored is not encoded again."""

from functools import cache
from importlib import import_module

from job import NodeJob, make_nodes


@cache
def opened(model: str, weights: str, device: str):
    from concord3d.features.open_tower import open_tower
    from concord3d.features.tower import TowerSpec
    from concord3d.layout import TOWER_WEIGHTS

    return open_tower(TowerSpec(model, weights), device, TOWER_WEIGHTS)


def make(job: NodeJob) -> None:
    from concord3d.features.encode.task import EncodeTask
    from concord3d.features.tower import TowerSpec
    from concord3d.files import write_json
    from concord3d.training.seeding import set_threads

    set_threads(job.threads)
    kind = import_module(f"concord3d.features.encode.{job.params['kind']}")
    spec = TowerSpec(**job.params["tower"])
    task = EncodeTask(
        job.files,
        job.outputs,
        job.params,
        spec,
        lambda: opened(spec.model, spec.weights, job.device),
        job.store_of(job.params["store"], *kind.MADE_BY),
    )
    write_json(job.outputs[-1], kind.encode(task).record())
    for index in job.outputs[:-1]:
        if index.suffix == ".json":
            job.also_shards(index)


make_nodes(snakemake, make)
