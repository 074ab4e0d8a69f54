"""Writes a file of every format where there is no room for it, and prints how each writer ends."""

from __future__ import annotations

import json
import os
import resource
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from concord3d.arrays import write_arrays
from concord3d.data.archives import extract
from concord3d.errors import ConcordError
from concord3d.features.cache import ShardWriter
from concord3d.files import atomic_path, write_second_name, write_text
from concord3d.models.weights import save_tensors
from concord3d.render.shards import store_image_views
from concord3d.render.view_spec import view_spec
from concord3d.training.checkpoint import save_checkpoint
from concord3d.world.formats.labelled_h5 import write_h5

ROOM = 1 << 20
NUMBERS = np.random.default_rng(1).random(ROOM // 2)


def _features(folder: Path) -> None:
    rows = np.tile(NUMBERS.reshape(-1, 4), (4, 1))
    writer = ShardWriter("texts", {"tower": "none"}, 4, folder)
    writer.add(["a"] * len(rows), len(rows), len(rows), lambda: rows)


def _pictures(folder: Path) -> None:
    spec = view_spec("frames_10", 64, "images")
    pictures = np.full((64, spec.num_views, 64, 64, 3), 7, np.uint8)
    store_image_views(iter(pictures), spec, folder, folder / "index.json")


def _figure(folder: Path) -> None:
    from matplotlib import image

    with atomic_path(folder / "figure.png") as temporary:
        image.imsave(temporary, NUMBERS.reshape(512, -1), format="png", dpi=100)


def source(folder: Path) -> Path:
    """A file beside the folder, where there is room."""
    path = folder.parent / "source"
    if not path.exists():
        path.write_bytes(NUMBERS.tobytes())
    return path


def packed(folder: Path) -> Path:
    """An archive of it."""
    path = folder.parent / "packed.zip"
    if not path.exists():
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(source(folder), "numbers")
    return path


def _copy(folder: Path) -> None:
    # As on a file system without hard links.
    with mock.patch.object(os, "link", side_effect=OSError):
        write_second_name(source(folder), folder / "copy")


BEYOND = {"numbers": NUMBERS}
WRITERS: dict[str, Callable[[Path], object]] = {
    "arrays": lambda folder: write_arrays(folder / "a.npz", BEYOND),
    "compressed arrays": lambda folder: write_arrays(folder / "a.npz", BEYOND, compressed=True),
    "weights": lambda folder: save_tensors({"numbers": torch.from_numpy(NUMBERS)}, folder / "a.safetensors"),
    "checkpoint": lambda folder: save_checkpoint(folder, 1, {"numbers": torch.from_numpy(NUMBERS)}),
    "hdf5": lambda folder: write_h5(folder / "a.h5", BEYOND),
    "text": lambda folder: write_text(folder / "a.txt", "x" * 4 * ROOM),
    "features": _features,
    "pictures": _pictures,
    "figure": _figure,
    "archive": lambda folder: extract(packed(folder), "zip", folder),
    "copy": _copy,
}


def ending(write: Callable[[Path], object], folder: Path) -> str:
    """Return the name of the error, and of the files that are left."""
    try:
        write(folder)
        name = "nothing"
    except ConcordError as error:
        name = type(error).__name__
    except Exception as error:
        name = f"not named: {type(error).__name__}: {error}"
    left = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".lock-")]
    for path in left:
        path.unlink()
    return f"{name}, {len(left)} files left"


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1]) / "full"
    if sys.argv[2:] == ["limit"]:
        # What is beside the folder is written before.
        source(FOLDER), packed(FOLDER)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    print(json.dumps({name: ending(write, FOLDER) for name, write in WRITERS.items()}))
