"""CAD models beside scans: the written numbers put a model where the object stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.world.rooms.made import spaces

from concord3d.geometry.rigid import from_quaternion, inverse, rigid, turn_about_z
from concord3d.world.formats.cad_annotations import cad_id, scan2cad_record, scenecad_layout, write_cad_model
from concord3d.world.rooms.kinds import KINDS

RAW_FROM_ROOM = rigid(turn_about_z(0.7), [1.0, 2.0, 0.1])


def matrix(trs: dict[str, list[float]]) -> np.ndarray:
    return from_quaternion(trs["rotation"], trs["translation"]) @ np.diag([*trs["scale"], 1.0])


def test_a_model_lies_on_its_object(tmp_path: Path) -> None:
    for space in spaces()[:10]:
        objects = [one for one in space.annotated if KINDS[one.kind].synset is not None]
        record = scan2cad_record("scan", objects, RAW_FROM_ROOM)
        assert record["n_aligned_models"] == len(objects) == len(record["aligned_models"])
        room_from_raw = inverse(RAW_FROM_ROOM)
        assert np.abs(matrix(record["trs"]) - np.eye(4)).max() > 0.5
        for one, aligned in zip(objects, record["aligned_models"], strict=True):
            write_cad_model(tmp_path, one.model)
            path = tmp_path / aligned["catid_cad"] / aligned["id_cad"] / "models" / "model_normalized.obj"
            model = trimesh.load(path, process=False, maintain_order=True)
            assert np.linalg.norm(np.ptp(model.vertices, axis=0)) == pytest.approx(1, abs=1e-4)
            np.testing.assert_allclose(aligned["bbox"], model.vertices.max(axis=0), atol=1e-5)
            # As CrossOver spec 1.7 places them: the scan's alignment after the inverse of the scan's transformation.
            placed = room_from_raw @ np.linalg.inv(matrix(record["trs"])) @ matrix(aligned["trs"])
            points = model.vertices @ placed[:3, :3].T + placed[:3, 3]
            np.testing.assert_allclose(points, one.vertices, atol=1e-5)


def test_a_model_stands_upright_and_shows_its_front_to_minus_z() -> None:
    space = next(space for space in spaces() if any(one.kind == "sofa" for one in space.objects))
    sofa = next(one for one in space.objects if one.kind == "sofa")
    (aligned,) = scan2cad_record("scan", [sofa], np.eye(4))["aligned_models"]
    record = scan2cad_record("scan", [sofa], np.eye(4))
    placed = np.linalg.inv(matrix(record["trs"])) @ matrix(aligned["trs"])
    front, up = placed[:3, :3] @ [0, 0, -1.0], placed[:3, :3] @ [0, 1.0, 0]
    np.testing.assert_allclose(front / np.linalg.norm(front), [np.cos(sofa.yaw), np.sin(sofa.yaw), 0], atol=1e-6)
    np.testing.assert_allclose(up / np.linalg.norm(up), [0, 0, 1], atol=1e-6)


def test_the_corners_of_a_layout_are_those_of_the_room() -> None:
    layout = spaces()[0].layout
    told = scenecad_layout(layout, RAW_FROM_ROOM, np.random.default_rng(0))
    stored = np.array(told["verts"])
    raw = np.stack([stored[:, 0], -stored[:, 2], stored[:, 1]], axis=1)
    room = raw @ RAW_FROM_ROOM[:3, :3] - RAW_FROM_ROOM[:3, 3] @ RAW_FROM_ROOM[:3, :3]
    count = len(layout.outline)
    np.testing.assert_allclose(room[:count, :2], layout.outline, atol=0.05)
    np.testing.assert_allclose(room[count:, 2], layout.height, atol=0.05)
    assert len(told["edges"]) == 3 * count and len(told["quads"]) == count
    for a, b in told["edges"]:
        # Every edge goes along one axis.
        assert sorted(np.abs(room[a] - room[b]) > 0.1) == [False, False, True]


def test_models_have_names_of_their_own() -> None:
    names = {one.model.name for space in spaces() for one in space.annotated}
    ids = {cad_id(one.model) for space in spaces() for one in space.annotated}
    assert len(ids) == len(names) > 100 and all(len(one) == 32 for one in ids)
