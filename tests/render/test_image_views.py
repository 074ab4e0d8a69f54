from pathlib import Path

import numpy as np
import pytest

from concord3d.errors import ConfigError, RenderError
from concord3d.render.shards import store_image_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import image_view_spec, view_spec


def _pictures(num_objects: int, size: int = 16) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (24, size, size, 3), np.uint8) for _ in range(num_objects)]


def test_stored_images_come_back_as_they_were(tmp_path: Path) -> None:
    pictures = _pictures(5)
    spec, index = image_view_spec("r2n2_24", 16), tmp_path / "index.json"
    assert store_image_views(iter(pictures), spec, tmp_path / "store", index).rendered == 1
    assert store_image_views(iter(pictures), spec, tmp_path / "store", index).kept == 1
    views = open_view_set(index)
    read = views.read(np.array([4, 0]), np.array([[0, 23], [5, 5]]))
    assert np.array_equal(read[0], pictures[4][[0, 23]]) and np.array_equal(read[1], pictures[0][[5, 5]])


def test_pictures_of_another_form_are_named(tmp_path: Path) -> None:
    pictures = [*_pictures(2), _pictures(1)[0][:23]]
    with pytest.raises(RenderError, match="object 2"):
        store_image_views(pictures, image_view_spec("r2n2_24", 16), tmp_path / "store", tmp_path / "index.json")


def test_named_sets_have_one_source_each(tmp_path: Path) -> None:
    assert [view_spec(name, 32).renderer for name in ("ring24", "pointclip_v2_10", "r2n2_24")] == [
        "open3d",
        "points",
        "images",
    ]
    with pytest.raises(ConfigError, match="drawn, not stored"):
        store_image_views(_pictures(1), view_spec("ring24", 16), tmp_path, tmp_path / "index.json")
