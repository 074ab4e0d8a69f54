"""Which clouds a tower sees as those that it was fitted on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.features.fake_encoders import ALIGNED, register

from concord3d.config.places import Place
from concord3d.config.validation import Places
from concord3d.errors import ConfigError
from concord3d.features.depth_form import depth_form

DATA = {"num_points": 24, "view_set": "pointclip_v2_6", "image_size": 32, "tower": "t"}


def tower_run(**data: Any) -> dict[str, Any]:
    return {
        "method": "aligned",
        "encoder": ALIGNED,
        "data": {"view_sets": ["pointclip_v2_6"], "image_size": 32, **data},
    }


def test_a_form_holds_the_tower_and_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    form = depth_form(DATA, tower_run())
    assert form.tower.pictures.encoder == "fake_pictures" and form.num_points == 24
    assert (form.views.view_set, form.views.image_size, form.views.num_views) == ("pointclip_v2_6", 32, 6)
    assert type(form).model_validate(form.model_dump()) == form


@pytest.mark.parametrize(
    ("data", "tower", "key", "found"),
    [
        ({"view_set": "pointclip_v2_10"}, tower_run(), "view_set", "pointclip_v2_10"),
        ({}, tower_run(view_sets=["pointclip_v2_10"]), "view_set", "pointclip_v2_6"),
        ({}, tower_run(view_sets=["pointclip_v2_6", "ring12"]), "view_set", "pointclip_v2_6"),
        ({"view_set": "ring12"}, tower_run(view_sets=["ring12"]), "view_set", "ring12"),
        ({"image_size": 48}, tower_run(), "image_size", 48),
        ({}, {**tower_run(), "method": "clip"}, "tower", "clip"),
    ],
)
def test_other_pictures_are_refused_with_their_place(
    data: dict[str, Any], tower: dict[str, Any], key: str, found: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch)
    with pytest.raises(ConfigError) as refused:
        depth_form({**DATA, **data}, tower)
    assert (refused.value.where, refused.value.found) == (f"data.{key}", found)
    places = Places(lambda keys: Place(Path("root"), Path("paper.yaml"), keys))
    with pytest.raises(ConfigError) as refused:
        depth_form({**DATA, **data}, tower, places)
    assert refused.value.where == Place(Path("root"), Path("paper.yaml"), (key,))


def test_forms_are_read_without_torch() -> None:
    code = "import sys, concord3d.features.depth_form; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
