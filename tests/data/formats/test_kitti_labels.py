"""Labels of KITTI: difficulties, boxes in the frame of the LiDAR, and what every damage is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.formats.kitti_labels import DIFFICULTIES, TYPES, read_labels
from concord3d.errors import UnreadableFile
from concord3d.geometry.box_frames import numbers_inside
from concord3d.geometry.rigid import rigid

# x of the camera is -y of the LiDAR, y is -z, z is x.
AXES = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])


def line(kind: str = "Car", cut: float = 0.0, hidden: int = 0, height: float = 50.0, turn: float = 0.0) -> str:
    return f"{kind} {cut} {hidden} -1.5 100 100 150 {100 + height} 1.5 1.6 4.0 2 1.7 20 {turn}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "000000.txt"
    path.write_text(text)
    return path


def test_difficulties_are_those_of_the_benchmark(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        (dict(height=40.0), 0), (dict(height=39.9), 1), (dict(height=25.0), 1), (dict(height=24.9), -1),
        (dict(hidden=1), 1), (dict(hidden=2), 2), (dict(hidden=3), -1),
        (dict(cut=0.15), 0), (dict(cut=0.16), 1), (dict(cut=0.31), 2), (dict(cut=0.51), -1),
    ]  # fmt: skip
    region = "DontCare -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10\n"
    found = read_labels(written(tmp_path, region + "".join(line(**told) for told, _ in cases)))
    assert found.difficulties.tolist() == [level for _, level in cases]
    assert list(DIFFICULTIES) == ["easy", "moderate", "hard"] and set(found.types.tolist()) == {TYPES.index("Car")}


def test_boxes_stand_on_their_lower_face_and_look_to_their_front(tmp_path: Path) -> None:
    turns = [0.0, np.pi / 2, -np.pi / 2, 0.7]
    found = read_labels(written(tmp_path, "".join(line(turn=turn) for turn in turns) + "\n"))
    shift = np.array([0.1, 0.2, -0.3])
    boxes = found.lidar_boxes(rigid(AXES, shift))
    centre = AXES.T @ (np.array([2, 1.7 - 0.75, 20]) - shift)
    np.testing.assert_allclose(boxes[:, :3], np.tile(centre, (4, 1)))
    assert boxes[:, 3:6].tolist() == [[4.0, 1.6, 1.5]] * 4
    # As OpenPCDet has it, up to whole turns: -(turn + pi / 2).
    expected = -(np.array(turns) + np.pi / 2)
    np.testing.assert_allclose(np.exp(1j * boxes[:, 6]), np.exp(1j * expected), atol=1e-12)


def test_a_frame_without_objects_has_none(tmp_path: Path) -> None:
    found = read_labels(written(tmp_path, ""))
    assert len(found.types) == 0 and found.lidar_boxes(np.eye(4)).shape == (0, 7) and len(found.difficulties) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line("Cat"), r"line 1(.|\n)*Cat"),
        (line() + line("car"), r"did you mean 'Car'(.|\n)*line 2"),
        (line().replace("4.0 ", ""), "14 finite numbers"),
        (line().replace("4.0", "nan"), "14 finite numbers"),
        (line().replace("4.0", "long"), "Cannot read labels"),
        (line().replace("4.0", "0"), "no extent"),
        ("Car\u00e9 1\n", "Cannot read labels"),
    ],
)
def test_what_is_no_label_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message) as caught:
        read_labels(written(tmp_path, text))
    assert "000000.txt" in str(caught.value)
    with pytest.raises(UnreadableFile, match="Cannot read labels"):
        read_labels(tmp_path / "absent.txt")


def test_points_in_boxes_are_counted() -> None:
    rng = np.random.default_rng(0)
    box = np.array([3.0, -2.0, 1.0, 4.0, 1.0, 2.0, 0.6])
    own = rng.uniform(-3, 3, (500, 3))
    turn = np.array([[np.cos(0.6), -np.sin(0.6), 0], [np.sin(0.6), np.cos(0.6), 0], [0, 0, 1]])
    expected = int((np.abs(own) <= box[3:6] / 2).all(axis=1).sum())
    points = own @ turn.T + box[:3]
    flat = np.array([[*box[:6], 0.6 + np.pi / 2], box])
    counts = numbers_inside(points, flat)
    assert counts[1] == expected > 10 and counts[0] != expected
    assert numbers_inside(points, np.zeros((0, 7))).shape == (0,)
