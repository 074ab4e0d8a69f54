"""``3RScan.json``: scans of a split, and transformations in either unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.formats.scan3r_json import read_recordings
from concord3d.errors import DatasetMissing, UnreadableFile, WrongRelease
from concord3d.geometry.rigid import rigid, turn_about_z

SCENE = rigid(turn_about_z(0.3), [1.5, -2.0, 0.2])
OBJECT = rigid(turn_about_z(1.0), [0.4, 0.1, 0.0])


def numbers(matrix: np.ndarray, scale: float = 1.0) -> list[float]:
    matrix = matrix.copy()
    matrix[:3, 3] *= scale
    return matrix.ravel(order="F").tolist()


def content(scale: float = 1.0) -> list[dict[str, Any]]:
    moved = {"instance_reference": 5, "instance_rescan": 6, "symmetry": 0, "transform": numbers(OBJECT, scale)}
    rescan = {"reference": "b", "transform": numbers(SCENE, scale), "rigid": [moved], "nonrigid": [], "removed": [3]}
    return [
        {"reference": "a", "type": "validation", "ambiguity": [], "scans": [rescan, {"reference": "c"}]},
        {"reference": "d", "type": "train", "ambiguity": [], "scans": []},
        {"reference": "e", "type": "test", "ambiguity": [], "scans": [{"reference": "f"}]},
    ]


def write(folder: Path, spaces: Any) -> Path:
    (folder / "3RScan.json").write_text(json.dumps(spaces))
    return folder / "3RScan.json"


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_scans_and_what_moved_in_metres(tmp_path: Path, scale: float) -> None:
    found = read_recordings(write(tmp_path, content(scale)), "val")
    assert [(one.name, one.space) for one in found] == [("a", "a"), ("b", "a"), ("c", "a")]
    np.testing.assert_array_equal(found[0].reference_from_scan, np.eye(4))
    np.testing.assert_allclose(found[1].reference_from_scan, SCENE, atol=1e-12)
    assert found[2].reference_from_scan is None and found[0].moved == found[2].moved == ()
    (moved,) = found[1].moved
    assert (moved.reference_id, moved.rescan_id) == (5, 6)
    np.testing.assert_allclose(moved.transform, OBJECT, atol=1e-12)


def test_a_reference_without_rescans_stands_alone(tmp_path: Path) -> None:
    (alone,) = read_recordings(write(tmp_path, content()), "train")
    assert alone.name == alone.space == "d" and alone.moved == ()


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match=r"3RScan\.json"):
        read_recordings(tmp_path / "3RScan.json", "val")
    spaces = content()
    spaces[0]["type"] = "validaton"
    with pytest.raises(WrongRelease, match="did you mean 'validation'"):
        read_recordings(write(tmp_path, spaces), "val")
    for alter, message in (
        (lambda scan: scan.update(transform=np.array(scan["transform"]).reshape(4, 4).T.ravel().tolist()), "column"),
        (lambda scan: scan.update(transform=scan["transform"][:12]), "reshape"),
        (lambda scan: scan.update(transform=[float("nan")] * 16), "no transformation"),
        (lambda scan: scan["rigid"][0].pop("instance_rescan"), "instance_rescan"),
        (lambda scan: scan.pop("reference"), "reference"),
    ):
        spaces = content()
        alter(spaces[0]["scans"][0])
        with pytest.raises(UnreadableFile, match=message):
            read_recordings(write(tmp_path, spaces), "val")
    (tmp_path / "3RScan.json").write_text('[{"reference": "a"')
    with pytest.raises(UnreadableFile, match="JSON"):
        read_recordings(tmp_path / "3RScan.json", "val")
