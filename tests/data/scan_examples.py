"""Scans that tests make in memory."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from concord3d.data.scans.nyu40 import NAMES
from concord3d.data.scans.scan import Scan
from concord3d.data.stores.interface import StoreIdentity
from concord3d.data.stores.scans import ScanSplit

NUM_KEY_FRAMES, CAD_POINTS, FLOORPLAN_SIZE = 4, 5, (8, 8)


def jpeg(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def scan(
    name: str = "scene0000_00",
    num_objects: int = 3,
    num_frames: int = 2,
    num_vertices: int = 30,
    seed: int = 0,
    floorplan: bool = True,
    vertices_per_object: int = 5,
) -> Scan:
    """A scan with objects 1, 3, 5, ...; the first has a vote in every frame, the second has none, the last a model."""
    rng = np.random.default_rng(seed)
    objects, frames = np.arange(num_objects), np.arange(num_frames)
    ids = 2 * objects + 1
    num_vertices = max(num_vertices, vertices_per_object * num_objects)
    instance = np.zeros(num_vertices, np.int32)
    instance[: vertices_per_object * num_objects] = np.repeat(ids, vertices_per_object)
    files = [jpeg(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)) for _ in frames]
    votes = num_frames if num_objects else 0
    cads = objects[-1:]
    referred = np.repeat(objects[:2], [2, 1][: len(objects[:2])])
    return Scan(
        name=name,
        space=name.partition("_")[0],
        scene_type="Bathroom",
        reference=name.endswith("_00"),
        aligned=True,
        points=rng.normal(size=(num_vertices, 3)).astype(np.float32),
        colors=rng.integers(0, 255, (num_vertices, 3), dtype=np.uint8),
        instance=instance,
        object_ids=ids,
        labels=objects % 40,
        object_names=tuple(f"object {i}" for i in ids),
        locations=rng.random((num_objects, 6)).astype(np.float32),
        cad_objects=cads,
        cad_points=rng.normal(size=(len(cads), CAD_POINTS, 3)).astype(np.float32),
        intrinsics=np.array([[14.0, 0, 7.5], [0, 14, 5.5], [0, 0, 1]]),
        quarter_turns=0,
        frame_bytes=np.frombuffer(b"".join(files), np.uint8),
        frame_byte_offsets=np.cumsum([0, *map(len, files)]).astype(np.int64),
        frame_numbers=5 * frames,
        poses=np.tile(np.eye(4), (num_frames, 1, 1)),
        key_frames=frames[::-1][:NUM_KEY_FRAMES],
        floorplan=rng.integers(0, 255, (*FLOORPLAN_SIZE, 3), dtype=np.uint8) if floorplan else None,
        vote_objects=np.zeros(votes, np.int64),
        vote_frames=frames[:votes],
        vote_boxes=np.tile(np.array([[2, 3, 9, 11]], np.int32), (votes, 1)),
        vote_pixels=np.arange(votes, 0, -1),
        referral_objects=referred,
        referrals=tuple(f"the größe of object {i}, no {n}" for n, i in enumerate(referred)),
        change_ids=ids[:1],
        change_angles=np.array([3.0] * len(ids[:1]), np.float32),
        change_shifts=np.array([0.5] * len(ids[:1]), np.float32),
    )


def scans(*members: Scan, dataset: str = "scannet", split: str = "train") -> ScanSplit:
    """A store; by default of two scans of one space and a bare one of another."""
    members = members or (
        scan("scene0000_00", seed=1),
        replace(scan("scene0000_01", 4, 3, seed=2), reference=False),
        scan("scene0007_00", 0, 0, seed=3, floorplan=False),
    )
    store = ScanSplit.of_scans(
        StoreIdentity(dataset, split, "synthetic"), members, NUM_KEY_FRAMES, CAD_POINTS, FLOORPLAN_SIZE
    )
    return store.with_class_names(NAMES)
