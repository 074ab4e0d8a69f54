"""Named sets of views."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import ConfigError
from concord3d.files import content_hash
from concord3d.render import view_spec
from concord3d.render.view_spec import ViewSpec, cloud_view_spec, mesh_view_spec


def test_ring24_stands_every_15_degrees_between_25_and_30() -> None:
    cameras = mesh_view_spec("ring24", 64, seed=3).cameras()
    centers = cameras.centers
    assert np.allclose(np.linalg.norm(centers, axis=1), 2.6)
    azimuth = np.degrees(np.arctan2(centers[:, 0], centers[:, 2])) % 360
    assert np.allclose(azimuth, np.arange(24) * 15.0)
    elevation = np.degrees(np.arcsin(centers[:, 1] / 2.6))
    assert elevation.min() >= 25
    assert elevation.max() <= 30
    assert len(np.unique(elevation.round(6))) == 24


def test_cameras_depend_on_the_seed_alone() -> None:
    first, again, other = (mesh_view_spec(seed=seed).cameras().rotation for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(mesh_view_spec("ring12").cameras()) == 12


def test_identity_covers_every_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [
        ViewSpec("ring24"),
        ViewSpec("ring12"),
        ViewSpec("ring24", 32),
        ViewSpec("ring24", content="depth"),
        ViewSpec("ring24", content="photo"),
        ViewSpec("ring24", renderer="pytorch3d"),
        ViewSpec("ring24", seed=1),
        cloud_view_spec(),
        cloud_view_spec("pointclip_v2_6"),
    ]
    keys = {content_hash(spec.identity()) for spec in specs}
    assert len(keys) == len(specs)
    monkeypatch.setattr(view_spec, "PHOTO_VERSION", 99)
    changed = [content_hash(spec.identity()) not in keys for spec in specs]
    assert changed == [spec.content == "photo" for spec in specs]
    monkeypatch.setitem(view_spec.RENDERER_VERSIONS, "open3d", 99)
    assert content_hash(specs[0].identity()) not in keys


def test_views_and_channels() -> None:
    assert (cloud_view_spec().num_views, cloud_view_spec().channels) == (10, 1)
    assert view_spec.view_spec("pointclip_v2_6", 48) == cloud_view_spec("pointclip_v2_6", 48)
    assert cloud_view_spec("pointclip_v2_6").num_views == 6 and view_spec.POINT_SETS["pointclip_v2_6"] == (
        0,
        1,
        2,
        4,
        5,
        6,
    )
    assert (mesh_view_spec().num_views, mesh_view_spec().channels) == (24, 3)
    with pytest.raises(ConfigError, match="without cameras"):
        cloud_view_spec().cameras()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view_set": "ring25"}, "did you mean 'ring24'"),
        ({"content": "colour"}, "did you mean 'color'"),
        ({"renderer": "open4d"}, "did you mean 'open3d'"),
        ({"image_size": 8}, "too small"),
        ({"renderer": "points"}, "no colour"),
        ({"view_set": "pointclip_v2_10"}, "bare points"),
        ({"view_set": "pointclip_v2_6"}, "bare points"),
        ({"view_set": "pointclip_v2_7", "content": "depth", "renderer": "points"}, "did you mean 'pointclip_v2_6'"),
        ({"view_set": "pointclip_v2_10", "content": "photo", "renderer": "points"}, "no colour"),
        ({"view_set": "r2n2_24", "content": "photo", "renderer": "images"}, "drawn meshes"),
        ({"view_set": "frames_10"}, "frames_10 are stored images"),
        ({"view_set": "frames_12", "renderer": "images"}, "did you mean 'frames_10'"),
        ({"view_set": "ring24", "renderer": "images"}, "drawn, not stored"),
    ],
)
def test_impossible_specifications_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ViewSpec(**{"view_set": "ring24", **changes})


def test_photographs_are_a_ring_with_another_content() -> None:
    spec = view_spec.view_spec("photo12", 48)
    assert spec == ViewSpec("ring12", 48, "photo", "open3d")
    assert (spec.num_views, spec.channels) == (12, 3)
    assert np.array_equal(spec.cameras().rotation, view_spec.view_spec("ring12", 48).cameras().rotation)
    assert view_spec.view_spec("photo24", 48).num_views == 24
    assert view_spec.view_spec("photo12", 48, "pytorch3d").renderer == "pytorch3d"
    with pytest.raises(ConfigError, match="did you mean 'photo12'"):
        view_spec.view_spec("photo13", 48)


@pytest.mark.parametrize("view_set", ["ring24", "ring12", "photo24", "photo12"])
def test_views_of_meshes_take_the_renderer(view_set: str) -> None:
    first, second = (view_spec.view_spec(view_set, 48, name) for name in ("open3d", "pytorch3d"))
    assert (first.renderer, second.renderer) == ("open3d", "pytorch3d")
    assert first.identity() != second.identity()
    with pytest.raises(ConfigError, match="did you mean 'pytorch3d'"):
        view_spec.view_spec(view_set, 48, "pytorch")


@pytest.mark.parametrize(
    ("view_set", "renderer"),
    [("pointclip_v2_10", "points"), ("pointclip_v2_6", "points"), ("r2n2_24", "images"),
     ("frames_10", "images"), ("ulip_60", "images")],
)  # fmt: skip
def test_views_without_meshes_are_the_same_under_any_renderer(view_set: str, renderer: str) -> None:
    first, second = (view_spec.view_spec(view_set, 48, name) for name in ("open3d", "pytorch3d"))
    assert first == second and first.renderer == renderer


def test_pictures_that_are_stored_already_keep_their_identity() -> None:
    """A change here would draw every view of every run anew."""
    assert ViewSpec("ring24").identity() == {
        "view_set": "ring24", "image_size": 64, "content": "color", "renderer": "open3d", "seed": 0,
        "renderer_version": 1,
    }  # fmt: skip
    assert view_spec.view_spec("r2n2_24", 64).identity() == {
        "view_set": "r2n2_24", "image_size": 64, "content": "color", "renderer": "images", "seed": 0,
        "renderer_version": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("view_set", "count"), [("r2n2_24", 24), ("frames_10", 10), ("ulip_60", 60)])
def test_stored_sets_say_how_many_pictures_an_object_has(view_set: str, count: int) -> None:
    spec = view_spec.view_spec(view_set, 48)
    assert (spec.num_views, spec.channels, spec.renderer) == (count, 3, "images")
    with pytest.raises(ConfigError, match="without cameras"):
        spec.cameras()
