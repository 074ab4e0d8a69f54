"""Scans in memory with made-up features, in which every number says whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.batches.scan_objects import EncodedScans
from concord3d.data.stores.scans import ScanSplit
from concord3d.features.scan_features import ScanPictures, ScanPoints, ScanTexts, identity_arrays
from concord3d.features.scan_files import ScanFiles

WIDTHS = {"image": 2, "point": 3, "cad": 3, "referral": 4}
FIRST = {"image": 100, "point": 200, "cad": 300, "referral": 400}


def _rows(mask: NDArray[np.bool_], first: int, width: int) -> NDArray[np.float32]:
    """Features of present rows: ``first`` plus the number of the row."""
    rows = np.arange(first, first + mask.size).reshape(mask.shape)
    return np.where(mask, rows, 0)[..., None].repeat(width, axis=-1).astype(np.float32)


def encoded(split: ScanSplit) -> EncodedScans:
    """Features of a split: objects have pictures where they have votes, texts where they have referrals, all have a
    cloud, and those with a CAD model that too.
    """
    count = len(split.object_ids)

    def among(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.isin(np.arange(count), rows)

    masks = {
        "image": among(split.vote_objects),
        "point": np.ones(count, np.bool_),
        "cad": among(split.cad_objects),
        "referral": among(split.referral_objects),
    }
    of_objects = {name: _rows(mask, FIRST[name], WIDTHS[name]) for name, mask in masks.items()}
    has_frames = split.key_frames >= 0
    scenes = np.array([len(split.scan(row).referrals) > 0 for row in range(len(split))])

    def masked(name: str) -> dict[str, Any]:
        return {name: of_objects[name], f"has_{name}": masks[name]}

    return EncodedScans(
        split,
        ScanPictures(
            **identity_arrays(split),
            **masked("image"),
            frames=_rows(has_frames, 500, 2 * WIDTHS["image"]),
            has_frames=has_frames,
            floorplan=_rows(split.has_floorplan, 600, WIDTHS["image"]),
            has_floorplan=split.has_floorplan,
        ),
        ScanTexts(
            **identity_arrays(split),
            **masked("referral"),
            scene_referral=_rows(scenes, 700, WIDTHS["referral"]),
            has_scene_referral=scenes,
        ),
        ScanPoints(**identity_arrays(split), **masked("point"), **masked("cad")),
    )


def written(split: ScanSplit, folder: Path) -> tuple[Path, ScanFiles]:
    """Write a store and its features."""
    stem = f"{split.dataset}__{split.split}"
    files = ScanFiles(*(folder / f"{stem}__{kind}.npz" for kind in ScanFiles._fields))
    found = encoded(split)
    split.save(folder / f"{stem}.npz")
    for features, path in zip((found.pictures, found.texts, found.points), files, strict=True):
        features.write(path)
    return folder / f"{stem}.npz", files
