"""Rule encode: what frozen towers and encoders say, and superpixels; stored features are not made again."""

from collections.abc import Callable, Hashable
from functools import cache, partial
from importlib import import_module
from typing import Any

from job import NodeJob, make_nodes


@cache
def opened(device: str, opening: Callable[..., Any], *told: Hashable):
    from concord3d.layout import TOWER_WEIGHTS

    return opening(*told, device, TOWER_WEIGHTS)


def make(job: NodeJob) -> None:
    from concord3d.features.encode.task import EncodeTask
    from concord3d.files import write_json
    from concord3d.training.seeding import set_threads

    set_threads(job.threads)
    kind = import_module(f"concord3d.features.encode.{job.params['kind']}")
    store = job.store_of(job.params["store"], *kind.MADE_BY)
    task = EncodeTask(job.files, job.outputs, job.params, partial(opened, job.device), store)
    write_json(job.outputs[-1], kind.encode(task).record())
    for index in job.outputs[:-1]:
        if index.suffix == ".json":
            job.also_shards(index)


make_nodes(snakemake, make)
