"""The store of views: drawn once, checked, mended shard by shard, read by memory map."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from concord3d.errors import BadCloud, BadMesh, ConfigError, RenderError, UnreadableFile
from concord3d.files import read_json, write_json
from concord3d.geometry.cameras import Cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render import shards
from concord3d.render.interface import Views
from concord3d.render.pictures import depth_to_grey
from concord3d.render.points import realistic_projection
from concord3d.render.shards import render_cloud_views, render_mesh_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import ViewSpec

SPEC = ViewSpec("ring12", 16, "color", "open3d")


@dataclass(frozen=True)
class Named:
    name: str
    mesh: Mesh


class CountingRenderer:
    """Paints every view of a mesh in a colour made from its vertices and the view, and counts its calls."""

    name = "open3d"
    library = "open3d 9.8"

    def __init__(self, fail_at: int | None = None) -> None:
        self.calls = 0
        self._fail_at = fail_at

    def render(self, mesh: Mesh, cameras: Cameras) -> Views:
        if self.calls == self._fail_at:
            raise KeyboardInterrupt
        self.calls += 1
        shape = (len(cameras), cameras.height, cameras.width)
        tint = int(np.abs(mesh.vertices).sum() * 1000) % 100
        color = np.empty((*shape, 3), np.uint8)
        color[...] = (tint + np.arange(len(cameras)))[:, None, None, None]
        return Views(color, np.ones(shape, np.float32), np.zeros((*shape, 3), np.float32), np.ones(shape, bool))


def triangles(count: int) -> list[Named]:
    rng = np.random.default_rng(5)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return [Named(f"m{i}", Mesh(rng.normal(size=(4, 3)).astype(np.float32), faces)) for i in range(count)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shards, "SHARD_OBJECTS", 3)
    monkeypatch.setattr(shards, "_BLOCK", 2)
    yield


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_intact_shard_is_never_drawn_again(tmp_path: Path) -> None:
    first, second = CountingRenderer(), CountingRenderer()
    meshes, index = triangles(8), tmp_path / "index.json"
    assert render_mesh_views(iter(meshes), SPEC, tmp_path / "store", index, renderer=first).rendered == 3
    before = tree(tmp_path)
    count = render_mesh_views(iter(meshes), SPEC, tmp_path / "store", index, renderer=second)
    assert (first.calls, second.calls, count.kept) == (8, 0, 3)
    assert tree(tmp_path) == before


def test_only_what_changed_is_drawn(tmp_path: Path) -> None:
    meshes, store, index = triangles(8), tmp_path / "store", tmp_path / "index.json"
    render_mesh_views(meshes, SPEC, store, index, renderer=CountingRenderer())
    changed = list(meshes)
    changed[4] = Named("m4", Mesh(meshes[4].mesh.vertices * np.float32([1, 2, 1]), meshes[4].mesh.faces))
    for variant, expected in ((changed, 3), (meshes[:6], 0), ([*meshes, *triangles(1)], 3)):
        renderer = CountingRenderer()
        render_mesh_views(variant, SPEC, store, tmp_path / "other.json", renderer=renderer)
        assert renderer.calls == expected
        same = open_view_set(tmp_path / "other.json").identity == open_view_set(index).identity
        assert not same, "other objects are other pictures"
    renderer = CountingRenderer()
    render_mesh_views(meshes, ViewSpec("ring12", 24), store, tmp_path / "other.json", renderer=renderer)
    assert renderer.calls == 8


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def damage_flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def damage_record(path: Path) -> None:
    path.with_suffix(".json").write_text("{")


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, damage_record, Path.unlink])
def test_a_damaged_shard_is_remade_alone(tmp_path: Path, damage: object) -> None:
    meshes, store, index = triangles(8), tmp_path / "store", tmp_path / "index.json"
    render_mesh_views(meshes, SPEC, store, index, renderer=CountingRenderer())
    before = tree(tmp_path)
    assert callable(damage)
    damage(store / read_json(index)["shards"][1]["file"])
    assert tree(tmp_path) != before
    renderer = CountingRenderer()
    render_mesh_views(meshes, SPEC, store, index, renderer=renderer)
    assert renderer.calls == 3
    assert tree(tmp_path) == before


def test_opening_notices_a_damaged_shard(tmp_path: Path) -> None:
    store, index = tmp_path / "store", tmp_path / "index.json"
    render_mesh_views(triangles(8), SPEC, store, index, renderer=CountingRenderer())
    shard = store / read_json(index)["shards"][2]["file"]
    damage_truncate(shard)
    with pytest.raises(UnreadableFile, match=shard.name):
        open_view_set(index)
    shard.write_bytes(b"x" * read_json(index)["shards"][2]["bytes"])
    with pytest.raises(UnreadableFile, match=shard.name):
        open_view_set(index)
    shard.unlink()
    with pytest.raises(UnreadableFile, match="no file"):
        open_view_set(index)
    index.write_text('{"format": 99}')
    with pytest.raises(UnreadableFile, match="index of views"):
        open_view_set(index)


def test_an_interrupted_build_leaves_whole_shards_and_goes_on(tmp_path: Path) -> None:
    meshes, store, index = triangles(8), tmp_path / "store", tmp_path / "index.json"
    with pytest.raises(KeyboardInterrupt):
        render_mesh_views(meshes, SPEC, store, index, renderer=CountingRenderer(fail_at=5))
    assert not index.exists()
    assert sorted(path.suffix for path in store.rglob("*") if path.is_file()) == [".json", ".npy"]
    renderer = CountingRenderer()
    render_mesh_views(meshes, SPEC, store, index, renderer=renderer)
    assert renderer.calls == 5


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(1, 5))
def test_read_equals_direct_indexing(tmp_path_factory: pytest.TempPathFactory, seed: int, batch: int, m: int) -> None:
    folder = tmp_path_factory.getbasetemp() / "shared_views"
    if not (folder / "index.json").exists():
        render_mesh_views(triangles(8), SPEC, folder / "store", folder / "index.json", renderer=CountingRenderer())
    views = open_view_set(folder / "index.json")
    everything = np.concatenate(views.images)
    rng = np.random.default_rng(seed)
    objects, chosen = rng.integers(0, 8, batch), rng.integers(0, 12, (batch, m))
    out = views.read(objects, chosen)
    assert out.dtype == np.uint8
    assert out.shape == (batch, m, 16, 16, 3)
    np.testing.assert_array_equal(out, everything[objects[:, None], chosen])


def test_a_view_set_knows_its_form_and_travels(tmp_path: Path) -> None:
    index = tmp_path / "run" / "index.json"
    render_mesh_views(triangles(5), SPEC, tmp_path / "store", index, renderer=CountingRenderer())
    views = open_view_set(index)
    assert (views.num_objects, views.num_views, views.image_size, views.channels) == (5, 12, 16, 3)
    assert all(isinstance(images, np.memmap) for images in views.images)
    parcel = pickle.dumps(views)
    assert len(parcel) < 1000
    objects, chosen = np.array([4, 0]), np.array([[11], [0]])
    np.testing.assert_array_equal(pickle.loads(parcel).read(objects, chosen), views.read(objects, chosen))
    for objects, chosen in (([5], [[0]]), ([-1], [[0]]), ([0], [[12]]), ([0], [0]), ([0, 1], [[0]])):
        with pytest.raises(RenderError):
            views.read(np.array(objects), np.array(chosen))
    # Moved as a whole, the folder still works: the index holds relative names.
    (tmp_path / "moved").mkdir()
    (tmp_path / "run").rename(tmp_path / "moved" / "run")
    (tmp_path / "store").rename(tmp_path / "moved" / "store")
    assert open_view_set(tmp_path / "moved" / "run" / "index.json").num_objects == 5


def test_records_and_index_name_the_library_and_the_key_does_not(tmp_path: Path) -> None:
    meshes, store, index = triangles(8), tmp_path / "store", tmp_path / "index.json"
    render_mesh_views(meshes, SPEC, store, index, renderer=CountingRenderer())
    before = read_json(index)
    assert before["drawn_by"] == {"renderer": "open3d", "renderer_version": 1, "library": "open3d 9.8"}
    assert {read_json(path)["library"] for path in store.rglob("*.json")} == {"open3d 9.8"}
    identity = open_view_set(index).identity
    newer = CountingRenderer()
    newer.library = "open3d 9.9"
    (store / before["shards"][1]["file"]).unlink()
    render_mesh_views(meshes, SPEC, store, index, renderer=newer)
    assert open_view_set(index).identity == identity
    assert read_json(index)["drawn_by"]["library"] == "open3d 9.8, open3d 9.9"
    assert newer.calls == 3, "another version of the library draws only what is missing"


def test_a_shard_of_before_libraries_were_recorded_is_kept(tmp_path: Path) -> None:
    store, index = tmp_path / "store", tmp_path / "index.json"
    render_mesh_views(triangles(2), SPEC, store, index, renderer=CountingRenderer())
    (path,) = store.rglob("*.json")
    write_json(path, {key: value for key, value in read_json(path).items() if key != "library"})
    assert render_mesh_views(triangles(2), SPEC, store, index, renderer=CountingRenderer()).kept == 1
    assert read_json(index)["drawn_by"]["library"] == "unknown"


def some_clouds(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=(count, 30, 3)).astype(np.float32)


def test_cloud_views_are_the_projection_and_stored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points, index = some_clouds(7), tmp_path / "index.json"
    spec = ViewSpec("pointclip_v2_10", 32, "depth", "points")
    assert render_cloud_views(points, spec, tmp_path / "store", index).rendered == 3
    views = open_view_set(index)
    assert read_json(index)["drawn_by"]["library"] == f"torch {torch.__version__}"
    expected = realistic_projection(torch.from_numpy(points), 32).numpy()[..., None]
    np.testing.assert_array_equal(np.concatenate(views.images), expected)

    def refuse(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(shards, "_draw_clouds", refuse)
    assert render_cloud_views(points, spec, tmp_path / "store", index).kept == 3


def test_cloud_rings_show_the_object_whole(tmp_path: Path) -> None:
    points = some_clouds(4) * 50 + 7
    render_cloud_views(points, ViewSpec("ring24", 64, "depth", "points"), tmp_path / "store", tmp_path / "i.json")
    images = np.concatenate(open_view_set(tmp_path / "i.json").images)
    assert images.shape == (4, 24, 64, 64, 1)
    ink = (images < 255).mean(axis=(2, 3, 4))
    assert ink.min() > 0.01
    assert (images[:, :, [0, -1]] == 255).all()
    assert (images[..., [0, -1], :] == 255).all()


def test_bad_inputs_are_named(tmp_path: Path) -> None:
    store, index = tmp_path / "store", tmp_path / "index.json"
    spec = ViewSpec("pointclip_v2_10", 32, "depth", "points")
    points = some_clouds(5)
    points[4, 0, 0] = np.nan
    with pytest.raises(BadCloud, match="index 4"):
        render_cloud_views(points, spec, store, index)
    with pytest.raises(BadCloud):
        render_cloud_views(points[:0], spec, store, index)
    meshes = triangles(5)
    meshes[3] = Named("empty", Mesh(meshes[3].mesh.vertices, np.empty((0, 3), np.int32)))
    with pytest.raises(BadMesh, match="empty"):
        render_mesh_views(meshes, SPEC, store, index, renderer=CountingRenderer())
    with pytest.raises(RenderError, match="nothing"):
        render_mesh_views([], SPEC, store, index, renderer=CountingRenderer())
    with pytest.raises(ConfigError):
        render_mesh_views(meshes, spec, store, index)
    with pytest.raises(ConfigError):
        render_mesh_views(
            meshes, ViewSpec("ring12", 16, renderer="pytorch3d"), store, index, renderer=CountingRenderer()
        )
    with pytest.raises(ConfigError):
        render_cloud_views(some_clouds(2), SPEC, store, index)
    assert not index.exists()


def test_real_meshes_are_drawn_by_default(tmp_path: Path) -> None:
    render_mesh_views(triangles(2), ViewSpec("ring24", 32), tmp_path / "store", tmp_path / "index.json")
    images = np.concatenate(open_view_set(tmp_path / "index.json").images)
    assert images.shape == (2, 24, 32, 32, 3)
    drawn_by = read_json(tmp_path / "index.json")["drawn_by"]
    assert re.fullmatch(r"open3d \d+\.\d+\.\d+.*", drawn_by["library"])
    assert 0.02 < (images < 255).any(axis=-1).mean() < 0.6


def test_grey_tells_near_from_far() -> None:
    grey = depth_to_grey(np.array([[0.0, 1.6, 2.6, 3.6]], np.float32))
    assert grey[0, :, 0].tolist() == [255, 0, 100, 200]
