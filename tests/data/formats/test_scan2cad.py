"""CAD models and layouts beside ScanNet."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from concord3d.data.formats.scan2cad import CadAnnotations, read_layout
from concord3d.errors import DatasetMissing, UnreadableFile
from concord3d.geometry.rigid import rigid, turn_about_z

WORLD = {"translation": [0.5, 1.0, -2.0], "rotation": [0.8, 0.0, 0.6, 0.0], "scale": [2.0, 2.0, 2.0]}
PLACE = {"translation": [1.0, 0.0, 3.0], "rotation": [1.0, 0.0, 0.0, 0.0], "scale": [1.0, 2.0, 3.0]}


def write(root: Path, models: list[dict[str, Any]], ids: tuple[str, ...] = ("m",)) -> CadAnnotations:
    for name in ids:
        path = root / "ShapeNetCore.v2" / "0300" / name / "models" / "model_normalized.obj"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trimesh.exchange.obj.export_obj(trimesh.creation.box((1, 1, 1))))
    record = {"id_scan": "scene0000_00", "trs": WORLD, "aligned_models": models}
    (root / "full_annotations.json").write_text(json.dumps([record]))
    return CadAnnotations(root / "full_annotations.json", root / "ShapeNetCore.v2")


def model(name: str, **changes: Any) -> dict[str, Any]:
    return {"catid_cad": "0300", "id_cad": name, "sym": "__SYM_NONE", "trs": {**PLACE, **changes}}


def test_a_model_is_placed_by_both_transformations(tmp_path: Path) -> None:
    scan_from_raw = rigid(turn_about_z(0.5), [1.0, 2.0, 3.0])
    (placed,) = write(tmp_path, [model("m")]).placed("scene0000_00", scan_from_raw)
    # The world's frame is scan, scaled by 2, turned about y by 2 acos 0.8, then moved.
    cosine, sine = 0.8**2 - 0.6**2, 2 * 0.8 * 0.6
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    corner = np.array([0.5, 0.5, 0.5])
    world = corner * [1, 2, 3] + [1, 0, 3]
    raw = turn.T @ (world - [0.5, 1.0, -2.0]) / 2
    expected = scan_from_raw[:3, :3] @ raw + scan_from_raw[:3, 3]
    assert placed.name == "0300/m"
    assert np.linalg.norm(placed.vertices() - expected, axis=1).min() < 1e-5


def test_models_that_shapenet_lacks_are_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    annotations = write(tmp_path, [model("m"), model("unknown"), model("m", translation=[9, 9, 9])])
    with caplog.at_level(logging.WARNING):
        placed = annotations.placed("scene0000_00", np.eye(4))
    assert [one.name for one in placed] == ["0300/m"] * 2 and "1 CAD models are not in" in caplog.text
    assert "0300/unknown" in caplog.text and annotations.placed("scene0001_00", np.eye(4)) == []


def test_a_model_without_faces_or_area_is_left_out(tmp_path: Path) -> None:
    annotations = write(tmp_path, [model("m"), model("n")], ids=("m", "n"))
    path = tmp_path / "ShapeNetCore.v2/0300/m/models/model_normalized.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    assert [one.name for one in annotations.placed("scene0000_00", np.eye(4))] == ["0300/n"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for changes, message in (
        ({"rotation": [0, 0, 0, 0]}, "another form"),
        ({"scale": [0, 1, 1]}, "flattens"),
        ({"translation": [0, float("nan"), 1]}, "not finite"),
        ({"rotation": [1, 0]}, "another form"),
    ):
        with pytest.raises(UnreadableFile, match=message):
            write(tmp_path, [model("m", **changes)]).placed("scene0000_00", np.eye(4))
    with pytest.raises(DatasetMissing, match="ShapeNetCore"):
        CadAnnotations(tmp_path / "full_annotations.json", tmp_path / "absent")
    with pytest.raises(DatasetMissing, match=r"absent\.json"):
        CadAnnotations(tmp_path / "absent.json", tmp_path / "ShapeNetCore.v2")
    (tmp_path / "full_annotations.json").write_text('[{"id": 3}]')
    with pytest.raises(UnreadableFile, match="id_scan"):
        CadAnnotations(tmp_path / "full_annotations.json", tmp_path / "ShapeNetCore.v2")


def layout(folder: Path, **content: Any) -> Path:
    (folder / "a.json").write_text(json.dumps({"verts": [[1, 2, 3], [4, 5, 6]], "edges": [[0, 1]], **content}))
    return folder / "a.json"


def test_corners_of_a_layout_are_remapped_then_aligned(tmp_path: Path) -> None:
    edges = read_layout(layout(tmp_path), rigid(turn_about_z(np.pi / 2), [0, 0, 10.0]))
    # (1, 2, 3) is (1, -3, 2) in the raw frame.
    np.testing.assert_allclose(edges, [[[3, 1, 12], [6, 4, 15]]], atol=1e-9)


def test_layouts_that_are_absent_empty_or_broken(tmp_path: Path) -> None:
    assert read_layout(tmp_path / "absent.json", np.eye(4)).shape == (0, 2, 3)
    assert read_layout(layout(tmp_path, edges=[]), np.eye(4)).shape == (0, 2, 3)
    assert read_layout(layout(tmp_path, edges=[], verts=[]), np.eye(4)).shape == (0, 2, 3)
    for wrong in ({"edges": [[0, 2]]}, {"edges": [[-1, 0]]}, {"verts": [[1, 2]]}, {"verts": [[1, 2, None]] * 2}):
        with pytest.raises(UnreadableFile, match=r"a\.json"):
            read_layout(layout(tmp_path, **wrong), np.eye(4))
