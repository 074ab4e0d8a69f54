"""The site in a browser: from a folder and under a path, at the width of a desk and of a phone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.parity.foreign import run_foreign

from concord3d.site.api_names import API
from concord3d.site.guides import GUIDES

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def found(repository: Path, site: Path, pictures: Path) -> dict[str, Any]:
    """What a browser finds."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    said = run_foreign(repository, "../site/browsing.py", site, browser, pictures)
    return dict(json.loads(said))


def test_no_page_complains_or_is_wider_than_the_screen(found: dict[str, Any]) -> None:
    kinds = 11 + len(GUIDES) + 1 + len(API)
    assert len(found["looks"]) == 4 * kinds and all(look["main"] for look in found["looks"])
    assert not found["complaints"]
    assert not [look for look in found["looks"] if look["overflow"] > 0]


def test_a_click_on_a_head_sorts_by_the_number(found: dict[str, Any]) -> None:
    for given, once, twice in found["sorting"].values():
        upwards = sorted(map(float, given))
        assert list(map(float, given)) != upwards
        assert list(map(float, once)) == upwards and list(map(float, twice)) == upwards[::-1]


def test_the_search_finds_words(found: dict[str, Any]) -> None:
    assert all(found["search"]["folder"].values()), found["search"]
    assert found["search"]["path"] == found["search"]["folder"]


def test_the_viewer_draws_every_example(found: dict[str, Any], pictures: Path) -> None:
    assert found["scenes"]
    for name in found["scenes"]:
        pixels = np.asarray(Image.open(pictures / f"{name}.png").convert("RGB")).astype(int)
        drawn = np.abs(pixels - pixels[2, 2]).max(axis=2) > 40
        assert drawn.sum() > 50, name
