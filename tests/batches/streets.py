"""A few small streets of the world, read as the workflow reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from concord3d.batches.sweeps import SweepData
from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.features.slic_adapter import superpixels_of
from concord3d.geometry.picture_crops import CropRanges
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

CATALOG = Path(__file__).parents[2] / "datasets/datasets.yaml"
SIZE = (32, 64)


@cache
def streets(split: str = "train") -> SweepSplit:
    """Return four sweeps of 16 beams with pictures of 48 x 80 pixels."""
    options = {"beams": 16, "azimuth_steps": 60, "height": 48, "width": 80}
    with TemporaryDirectory() as folder:
        build_dataset(WorldRecipe("nuscenes", {"train": 4, "val": 2}, None, 1, 4, options), Path(folder))
        store = read_split(load_catalog(CATALOG)["nuscenes"], Path(folder), split, "synthetic")
    assert isinstance(store, SweepSplit)
    return store


@cache
def street_superpixels(split: str = "train") -> NDArray[np.uint8]:
    """Return about 30 superpixels of each picture."""
    return superpixels_of(streets(split).per_sweep["pictures"], 30)


def street_data(
    num_queries: int = 0, crops: CropRanges | None = None, split: str = "train", with_superpixels: bool = False
) -> SweepData:
    """Return them as a training reads them."""
    store = streets(split)
    superpixels = street_superpixels(split) if with_superpixels else None
    return SweepData(store, np.arange(len(store)), SIZE, crops, num_queries, superpixels)
