"""Photographs in the store of views: each object has its own, always the same, on the object that was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from concord3d.geometry.cameras import Cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render import shards
from concord3d.render.interface import Views
from concord3d.render.pictures import depth_to_grey, finished_pictures
from concord3d.render.shards import render_mesh_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import ViewSpec, view_spec


@dataclass(frozen=True)
class Named:
    name: str
    mesh: Mesh


class SquareRenderer:
    """Draws a red square in the middle of every picture."""

    name = "open3d"
    library = "open3d 9.8"

    def render(self, mesh: Mesh, cameras: Cameras) -> Views:
        mask = np.zeros((len(cameras), cameras.height, cameras.width), bool)
        mask[:, 8:-8, 8:-8] = True
        color = np.where(mask[..., None], np.array([200, 20, 20]), 255).astype(np.uint8)
        normal = np.where(mask[..., None], np.array([0, 0, 1.0]), 0).astype(np.float32)
        return Views(color, mask.astype(np.float32), normal, mask)


def things(count: int) -> list[Named]:
    rng = np.random.default_rng(0)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return [Named(f"m{i}", Mesh(rng.normal(size=(4, 3)).astype(np.float32), faces)) for i in range(count)]


def photographs(folder: Path, meshes: list[Named], spec: ViewSpec) -> np.ndarray:
    render_mesh_views(meshes, spec, folder / "store", folder / "index.json", renderer=SquareRenderer())
    views = open_view_set(folder / "index.json")
    assert (views.num_views, views.channels) == (12, 3)
    return np.concatenate(views.images)


def test_each_object_has_its_own_photographs_whatever_its_company(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, meshes = view_spec("photo12", 32), things(5)
    together = photographs(tmp_path / "a", meshes, spec)
    monkeypatch.setattr(shards, "_BLOCK", 2)
    monkeypatch.setattr(shards, "SHARD_OBJECTS", 3)
    np.testing.assert_array_equal(together, photographs(tmp_path / "b", meshes, spec))
    np.testing.assert_array_equal(together[[3, 1]], photographs(tmp_path / "c", [meshes[3], meshes[1]], spec))
    for first in range(5):
        for second in range(first):
            assert not np.array_equal(together[first], together[second]), "each object has another light and background"
    other_seed = photographs(tmp_path / "d", meshes, ViewSpec("ring12", 32, "photo", "open3d", seed=1))
    assert not any(np.array_equal(a, b) for a, b in zip(together, other_seed, strict=True))


def test_the_object_stays_and_the_white_goes(tmp_path: Path) -> None:
    pictures = photographs(tmp_path, things(4), view_spec("photo12", 32)).astype(float)
    inside, outside = pictures[:, :, 12:-12, 12:-12], pictures[:, :, :4]
    assert (inside[..., 0] > 1.5 * inside[..., 1]).mean() > 0.95
    assert np.median(outside) < 230 and outside.reshape(48, -1).mean(axis=1).std() > 15


def test_contents_come_from_the_same_buffers() -> None:
    spec = ViewSpec("ring12", 32)
    views = SquareRenderer().render(things(1)[0].mesh, spec.cameras())
    assert finished_pictures(views, spec, "00" * 32) is views.color
    depth = finished_pictures(views, ViewSpec("ring12", 32, "depth"), "00" * 32)
    np.testing.assert_array_equal(depth, depth_to_grey(views.depth))
