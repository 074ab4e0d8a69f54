"""Superpixels of the pictures that a store of sweeps holds, for trainings that contrast means over them."""

from __future__ import annotations

from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import ConfigError
from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.slic_adapter import superpixels_of
from concord3d.features.superpixels import write_superpixels

# The package whose sources decide what is made; nothing is kept in shards.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Cut the pictures of ``inputs["sweeps"]`` into ``params["num_superpixels"]`` each, into ``outputs[0]``.

    Raises:
        ConfigError: The sweeps have no pictures.
    """
    [path] = task.inputs["sweeps"]
    sweeps = SweepSplit.load(path)
    if "pictures" not in sweeps.per_sweep:
        raise ConfigError("Sweeps without pictures have no superpixels", where=f"{sweeps.dataset}/{sweeps.split}")
    found = superpixels_of(sweeps.per_sweep["pictures"], task.params["num_superpixels"])
    write_superpixels(task.outputs[0], found)
    return FeatureCount(encoded=found.shape[0] * found.shape[1])
