"""OFF of every kind that tools write, with places, areas and colours worked out beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concord3d.data.formats.findings import Findings
from concord3d.data.formats.off import read_off
from concord3d.errors import BadMesh, UnreadableFile

HEADS = ["OFF\n", "OFF", "OFF ", "off\n", "OFF\n# a comment\n\n"]


def polygons(rng: np.random.Generator, count: int) -> tuple[np.ndarray, list[list[int]], float]:
    """Return the vertices of plane polygons, with dents, their corners, and their area together."""
    vertices, faces, area = [], [], 0.0
    for level in range(count):
        corners = int(rng.integers(3, 8))
        angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) / corners
        # A plane triangle around its origin needs no dents, and cannot have any.
        radii = rng.uniform(0.2, 1, corners)
        x, y = radii * np.cos(angles), radii * np.sin(angles)
        area += float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        faces.append(list(range(len(vertices), len(vertices) + corners)))
        vertices += [[float(f"{a:.9g}"), float(f"{b:.9g}"), float(level)] for a, b in zip(x, y, strict=True)]
    return np.array(vertices), faces, area


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_off_of_every_kind(tmp_path_factory, data: st.DataObject) -> None:
    rng, draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))), data.draw
    vertices, faces, area = polygons(rng, draw(st.integers(1, 6)))
    letters = draw(st.sampled_from(["", "C", "N", "CN", "ST", "STCN"]))
    head = letters + draw(st.sampled_from(HEADS))
    as_fractions, alpha = draw(st.booleans()), draw(st.booleans())
    shades = rng.integers(0, 256, (len(vertices), 3))
    on_faces = draw(st.sampled_from(["none", "index", "rgb", "rgba", "fractions"])) if "C" not in letters else "none"
    face_shades = rng.integers(0, 256, (len(faces), 3))
    rows = [f"{head}{len(vertices)} {len(faces)}{draw(st.sampled_from(['', ' 0']))}"]
    for vertex, shade in zip(vertices, shades, strict=True):
        words = [f"{x:.9g}" for x in vertex]
        words += ["0", "0", "1"] if "N" in letters else []
        if "C" in letters:
            words += [f"{x / 255:.6f}" for x in shade] if as_fractions else [str(x) for x in shade]
            words += (["1.0"] if as_fractions else ["255"]) if alpha else []
        words += ["0.25", "0.75"] if "ST" in letters else []
        rows.append("  ".join(words) + draw(st.sampled_from(["", " # é", "\t", " # \x85 3 \x0c 4"])))
    for face, shade in zip(faces, face_shades, strict=True):
        tail = {
            "none": [], "index": ["7"], "rgb": [str(x) for x in shade], "rgba": [*map(str, shade), "255"],
            "fractions": [f"{x / 255:.6f}" for x in shade] + ["0.5"],
        }[on_faces]  # fmt: skip
        rows.append(" ".join([str(len(face)), *map(str, face), *tail]))
    for _ in range(draw(st.integers(0, 3))):
        # Not before the word OFF: nothing else tells what the file is.
        rows.insert(draw(st.integers(1, len(rows))), draw(st.sampled_from(["", "# 1 2 3", "  \t# OFF 9 9 9", "#"])))
    text = draw(st.sampled_from(["\n", "\r\n", "\n\n"])).join(rows) + draw(st.sampled_from(["\n", "", "\n# end"]))
    encoding = draw(st.sampled_from(["utf-8", "latin-1", "utf-8-sig", "utf-16"]))
    path = tmp_path_factory.mktemp("off") / "a.off"
    path.write_bytes(text.encode(encoding))
    mesh, colors = read_off(path)
    np.testing.assert_array_equal(mesh.vertices, vertices.astype(np.float32))
    assert len(mesh.faces) == sum(len(face) - 2 for face in faces)
    assert mesh.face_areas().sum() == pytest.approx(area, rel=1e-5)
    owner = np.repeat(np.arange(len(faces)), [len(face) - 2 for face in faces])
    assert (mesh.vertices[mesh.faces][:, :, 2] == owner[:, None]).all(), "triangles in the order of their polygons"
    if "C" in letters:
        assert colors is not None and np.abs(colors.corners - shades[mesh.faces]).max() < 0.01
    elif on_faces in ("rgb", "rgba", "fractions"):
        assert colors is not None and np.abs(mesh.face_colors.astype(int) - face_shades[owner]).max() <= 0
    else:
        assert colors is None and mesh.face_colors is None


@pytest.mark.parametrize("newline", ["\n", " "])
def test_numbers_that_pay_no_heed_to_lines(tmp_path: Path, newline: str) -> None:
    text = "OFF\n5 2 0 0 0 0 1 0 0 1 1 0 0 1 0 2 2 0 4 0 1 2 3 3 0 2 4".replace(" ", newline).replace(newline, "\n", 1)
    (tmp_path / "a.off").write_text(text)
    mesh, _ = read_off(tmp_path / "a.off")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 4]]


def test_triangles_without_more_are_read_as_their_numbers_stand(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = [[f"{x:.6f}" for x in row] for row in rng.normal(size=(50, 3)) * 100]
    faces = rng.integers(0, 50, (80, 3))
    rows = [" ".join(row) for row in words] + ["3 " + " ".join(map(str, face)) for face in faces]
    (tmp_path / "a.off").write_text("OFF50 80 0\n" + "\n".join(rows))
    mesh, _ = read_off(tmp_path / "a.off")
    np.testing.assert_array_equal(mesh.vertices, np.array(words, dtype=np.float64).astype(np.float32))
    np.testing.assert_array_equal(mesh.faces, faces)


def test_columns_without_a_name_are_counted_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.off").write_text("OFF\n3 1 0\n0 0 0 9 9 9\n1 0 0 9 9 9\n0 1 0 9 9 9\n3 0 1 2\n")
    findings = Findings()
    mesh, colors = read_off(tmp_path / "a.off", findings)
    assert colors is None and mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    [sentence] = findings.sentences()
    assert "1 OFF meshes with columns" in sentence and "a.off" in sentence


def test_homogeneous_coordinates_and_faces_without_area(tmp_path: Path) -> None:
    (tmp_path / "a.off").write_text("4OFF\n3 3 0\n0 0 0 1\n2 0 0 2\n0 3 0 3\n2 0 1\n3 0 1 2\n1 0\n")
    mesh, _ = read_off(tmp_path / "a.off")
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]] and mesh.faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begin"), ("OFF", ""), ("OFF\n4", ""), ("OFF\n4 1 0\n0 0 0\n", "too few"), ("ply\n", "begin"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1\n", ""), ("OFF\nx y z\n", ""), ("OFF BINARY\n1 1 0\n", "binary"),
        ("nOFF\n4\n3 1 0\n", "dimensions"), ("COFF\n3 1 0\n0 0 0 1 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "colour"),
        ("OFF\n3 1 0\n0 0 0 1 0 0 0 1 0 3 0 1 2 5 5\n", "numbers more"),
    ],
)  # fmt: skip
def test_a_broken_off_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.off").write_text(text)
    with pytest.raises(UnreadableFile, match=rf"(?s)a\.off.*{message}"):
        read_off(tmp_path / "a.off")


@pytest.mark.parametrize(
    "text",
    [
        "OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n",
        "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n",
        "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2 3\n",
        "OFF\n3 1 0\nnan 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
    ],
)
def test_an_impossible_mesh_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.off").write_text(text)
    with pytest.raises(BadMesh, match=r"a\.off"):
        read_off(tmp_path / "a.off")
