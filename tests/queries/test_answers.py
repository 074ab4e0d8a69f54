"""Pictures and JSON of an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.scan_examples import scan

from concord3d.geometry.top_view import top_view
from concord3d.queries.answers import SIDE, Answer, FoundObject, FoundScene, answer_pictures, write_pictures

FOUND = replace(scan("scene0001_00", seed=1), colors=np.full((30, 3), 10, np.uint8))
ANSWER = Answer(
    "image",
    "point",
    5,
    (FoundScene("scene0001_00", "scene0001", "Office", 0.5),),
    "each picture",
    "point",
    (FoundObject("a.png", 3, "chair", (1.0, 2.0, 0.5), (0.5, 0.5, 1.0), 0.25),),
    scan("query"),
    (FOUND, scan("scene0002_00", seed=2)),
)


def test_a_strip_begins_with_the_query_and_objects_stand_out() -> None:
    drawn = answer_pictures(ANSWER)
    assert drawn["scenes"].shape == (SIDE, 3 * SIDE + 12, 3)
    assert np.array_equal(drawn["scenes"][:, SIDE + 6 : 2 * SIDE + 6], top_view(FOUND.points, FOUND.colors, SIDE))
    marked = drawn["objects"].reshape(-1, 3)
    shown = {tuple(color) for color in np.unique(marked, axis=0).tolist()}
    assert shown == {(255, 255, 255), (214, 39, 40), (194, 194, 194)}


@pytest.mark.parametrize("modality", ["point", "floorplan", "referral"])
def test_every_modality_of_a_query_is_drawn(modality: str) -> None:
    strip = answer_pictures(replace(ANSWER, modality=modality))["scenes"]
    assert strip.shape[1] == 3 * SIDE + 12 and (strip[:, :SIDE] != 255).any()


def test_what_cannot_be_drawn_is_left_out() -> None:
    drawn = answer_pictures(replace(ANSWER, modality="fused", objects=()))
    assert set(drawn) == {"scenes"} and drawn["scenes"].shape[1] == 2 * SIDE + 6


def test_files(tmp_path: Path) -> None:
    paths = write_pictures(ANSWER, tmp_path / "new")
    assert {name: path.name for name, path in paths.items()} == {"scenes": "scenes.png", "objects": "objects.png"}
    for name, picture in answer_pictures(ANSWER).items():
        assert np.array_equal(np.array(Image.open(paths[name])), picture)


def test_json() -> None:
    body = json.loads(json.dumps(ANSWER.as_json()))
    assert body["scenes"] == [{"name": "scene0001_00", "space": "scene0001", "scene_type": "Office", "score": 0.5}]
    assert body["objects"][0]["middle"] == [1.0, 2.0, 0.5] and body["num_searched"] == 5
