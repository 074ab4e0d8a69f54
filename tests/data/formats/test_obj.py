"""OBJ and MTL as tools write them, with colours worked out beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from concord3d.data.formats.findings import Findings
from concord3d.data.formats.mesh_files import read_colored_mesh
from concord3d.errors import BadMesh, UnreadableFile
from concord3d.geometry.mesh import sample_surface

QUAD = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
FACE = "f 1/1 2/2 3/3 4/4\n"
RED = [200, 30, 30]


def shape(folder: Path, obj: str, mtl: str | None = None, name: str = "m.mtl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if mtl is not None:
        (folder / name).write_text(mtl)
    (folder / "shape.obj").write_text(obj)
    return folder / "shape.obj"


def red(path: Path, color: list[int] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2), tuple(color or RED)).save(path)


def mean_color(path: Path, root: Path | None = None, findings: Findings | None = None) -> list[int]:
    _, colors = read_colored_mesh(path, root, findings)
    assert colors is not None
    return colors.of_faces().mean(axis=0).round().astype(int).tolist()


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("wood.png", "models/wood.png"), ("textures\\wood.png", "models/textures/wood.png"),
        (".\\textures\\WOOD.PNG", "models/Textures/wood.png"), ("Wood.PNG", "models/wood.png"),
        ("../images/wood.png", "images/wood.png"), ("..\\Images\\wood.png", "images/wood.png"),
        ("C:\\Users\\me\\wood.png", "models/wood.png"), ("/home/me/wood.png", "models/wood.png"),
        ("my dark wood.png", "models/my dark wood.png"), ('"wood.png"', "models/wood.png"),
        ("-s 2 2 2 -o 0.1 0 0 wood.png", "models/wood.png"), ("-clamp on -s 2 wood.png", "models/wood.png"),
        ("-blendu on -mm 0 1 my wood.png", "models/my wood.png"), ("-s 1 1 1 7.png", "models/7.png"),
        ("-bm 0.3 -texres 512 -imfchan r wood.png", "models/wood.png"), ("wood.png # oak", "models/wood.png"),
        ("wood#2.png", "models/wood#2.png"), ("bo\u0302is.png", "models/b\u00f4is.png"),
    ],
)  # fmt: skip
def test_pictures_are_found_as_their_writers_meant_them(tmp_path: Path, written: str, there: str) -> None:
    red(tmp_path / "set" / there)
    mtl = f"newmtl a\nKd 0 0 1\nmap_Kd {written}\n"
    path = shape(tmp_path / "set" / "models", f"mtllib m.mtl\n{QUAD}usemtl a\n{FACE}", mtl)
    assert mean_color(path) == RED
    assert mean_color(path, tmp_path) == RED


@pytest.mark.parametrize("written", ["../../secret.png", "..\\..\\secret.png", "a/../../../secret.png"])
def test_a_path_that_leaves_the_data_set_is_refused(tmp_path: Path, written: str) -> None:
    red(tmp_path / "secret.png")
    path = shape(tmp_path / "set" / "models", f"mtllib m.mtl\n{QUAD}usemtl a\n{FACE}", f"newmtl a\nmap_Kd {written}\n")
    with pytest.raises(UnreadableFile, match="outside the data set"):
        read_colored_mesh(path, tmp_path / "set")
    path.write_text(f"mtllib ../../m.mtl\n{QUAD}usemtl a\n{FACE}")
    with pytest.raises(UnreadableFile, match="outside the data set"):
        read_colored_mesh(path, tmp_path / "set")


def test_pictures_lie_beside_their_materials_or_beside_the_mesh(tmp_path: Path) -> None:
    path = shape(tmp_path / "set" / "models", f"mtllib ../mats/m.mtl\n{QUAD}usemtl a\n{FACE}")
    red(tmp_path / "set" / "models" / "wood.png")
    (tmp_path / "set" / "mats").mkdir()
    (tmp_path / "set" / "mats" / "m.mtl").write_text("newmtl a\nmap_Kd wood.png\n")
    assert mean_color(path) == RED
    red(tmp_path / "set" / "mats" / "wood.png", [1, 2, 3])
    assert mean_color(path) == [1, 2, 3]


def test_what_is_not_there_is_counted(tmp_path: Path) -> None:
    findings = Findings()
    path = shape(tmp_path, f"mtllib m.mtl\n{QUAD}usemtl a\n{FACE}", "newmtl a\nKd 1 0.5 0\nmap_Kd gone.png\n")
    assert mean_color(path, None, findings) == [255, 128, 0]
    path.write_text(f"mtllib other.mtl\nmtllib m.mtl\n{QUAD}usemtl a\n{FACE}usemtl b\nf 1 2 3\n")
    assert mean_color(path, None, findings) == [237, 152, 67], "light grey where there is no material"
    assert [sentence.partition(":")[0] for sentence in findings.sentences()] == [
        "1 pictures that are not there", "1 files of materials that are not there", "1 materials that are not there",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mtl", "expected"),
    [
        ("newmtl a\nKd\t0.5\t0.2\t0.1\t# brown\n", [128, 51, 26]),
        ("newmtl a # wood\n  Kd 0.5 0.2 0.1\n", [128, 51, 26]),
        ("newmtl a\r\nKd 0.5 0.2 0.1\r\n", [128, 51, 26]), ("NEWMTL a\nkd 0.5\n", [128, 128, 128]),
        ("\ufeffnewmtl a\nKd 1 0 0\n", [255, 0, 0]), ("newmtl A\nKd 1 0 0\n", [255, 0, 0]),
        ("newmtl a\nKd 200 30 30\n", RED), ("newmtl a\nNs 3\n", [255, 255, 255]),
        ("newmtl b\nKd 0 0 0\nnewmtl a\nKd 1 \\\n0 0\n", [255, 0, 0]), ("newmtl a\nKd 1.1 0 0\n", [255, 0, 0]),
    ],
)  # fmt: skip
def test_colours_of_materials(tmp_path: Path, mtl: str, expected: list[int]) -> None:
    assert mean_color(shape(tmp_path, f"mtllib m.mtl\n{QUAD}usemtl a\n{FACE}", mtl)) == expected


@pytest.mark.parametrize("line", ["Kd spectral file.rfl", "Kd xyz 1 1 1", "Kd red"])
def test_a_colour_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = shape(tmp_path, f"mtllib m.mtl\n{QUAD}usemtl a\n{FACE}", f"newmtl a\n{line}\n")
    with pytest.raises(UnreadableFile, match=r"shape\.obj"):
        read_colored_mesh(path)


def test_material_files_with_blanks_several_in_a_line_and_no_use(tmp_path: Path) -> None:
    path = shape(
        tmp_path, f"mtllib my mats.mtl\n{QUAD}usemtl dark wood\n{FACE}", "newmtl dark wood\nKd 1 0 0\n", "my mats.mtl"
    )
    assert mean_color(path) == [255, 0, 0]
    (tmp_path / "n.mtl").write_text("newmtl n\nKd 0 1 0\n")
    (tmp_path / "m.mtl").write_text("newmtl m\nKd 0 0 1\n")
    path.write_text(f"{QUAD}usemtl m\n{FACE}mtllib n.mtl m.mtl\n")
    assert mean_color(path) == [0, 0, 255]
    path.write_text(f"mtllib n.mtl\n{QUAD}{FACE}")
    assert mean_color(path) == [0, 255, 0], "the only material"
    path.write_text(f"mtllib n.mtl m.mtl\n{QUAD}{FACE}")
    assert read_colored_mesh(path)[1] is None, "which of two nobody says"
    path.write_text(QUAD + FACE)
    assert read_colored_mesh(path)[1] is None


@pytest.mark.parametrize("options", ["", "-clamp on ", "-s 2 1 1 ", "-o 0.5 0 0 ", "-mm 0.2 0.5 ", "-s 0.5 -o 0.25 "])
def test_options_of_pictures_move_scale_and_lighten_them(tmp_path: Path, options: str) -> None:
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 1] = 200
    Image.fromarray(pixels).save(tmp_path / "p.png")
    path = shape(tmp_path, f"mtllib m.mtl\n{QUAD}usemtl a\n{FACE}", f"newmtl a\nmap_Kd {options}p.png\n")
    mesh, colors = read_colored_mesh(path)
    assert colors is not None
    sample = sample_surface(mesh, 300, np.random.default_rng(0))
    u = (sample.points[:, 0].astype(float) + 1) / 2
    if "-s" in options:
        u = u * (2 if "-s 2" in options else 0.5)
    if "-o" in options:
        u = u + (0.5 if "-o 0.5" in options else 0.25)
    x = 2 * u - 0.5
    if "clamp" in options:
        expected = 200 * x.clip(0, 1)
    else:
        x = x % 2
        expected = 200 * np.where(x < 1, x, 2 - x)
    if "-mm" in options:
        expected = 0.2 * 255 + 0.5 * expected
    assert np.abs(colors.at(sample)[:, 0] - expected).max() <= 1


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (" 200 30 30", RED), (" 1 0 0", [255, 0, 0]), (" 0.5 0.2 0.1", [128, 51, 26]),
        (" 0.5 0.2 0.1 1.0", [128, 51, 26]),
        (" 1.0", None), (" nan nan nan", None), ("", None),
    ],
)  # fmt: skip
def test_colours_of_vertices(tmp_path: Path, suffix: str, expected: list[int] | None) -> None:
    lines = [line + suffix if line.startswith("v ") else line for line in QUAD.splitlines()]
    path = shape(tmp_path, "\n".join(lines) + f"\n{FACE}")
    mesh, colors = read_colored_mesh(path)
    assert mesh.vertices.tolist() == [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]
    assert (None if colors is None else colors.of_faces()[0].tolist()) == expected
    if expected:
        path.write_text(f"mtllib m.mtl\nusemtl a\n{path.read_text()}")
        (tmp_path / "m.mtl").write_text("newmtl a\nKd 1 1 1\n")
        assert mean_color(path) == expected
        (tmp_path / "m.mtl").write_text("newmtl a\nKd 1 0 0\n")
        assert mean_color(path) == [expected[0], 0, 0], "the material tints the vertices"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_obj_of_every_kind(tmp_path_factory, data: st.DataObject) -> None:
    """Plane polygons with dents, indices of every form, materials in between."""
    rng, draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))), data.draw
    colors = rng.integers(0, 256, (3, 3))
    mtl = "".join(f"newmtl m{k}\nKd {' '.join(f'{x / 255:.6f}' for x in color)}\n" for k, color in enumerate(colors))
    lines, area, count, expected = ["mtllib m.mtl", "o thing", "s off"], 0.0, 0, []
    for level in range(draw(st.integers(1, 6))):
        corners = int(rng.integers(3, 9))
        angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) / corners
        x, y = rng.uniform(0.2, 1, corners) * np.stack([np.cos(angles), np.sin(angles)])
        area += float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        lines += [f"v {a:.9g}  {b:.9g}\t{level}" for a, b in zip(x, y, strict=True)]
        lines += ["vt 0.5 0.5", "vn 0 0 1", "l 1 2", "# usemtl m0"]
        material = int(rng.integers(0, 3))
        lines.append(f"usemtl m{material}")
        form = draw(st.sampled_from(["{}", "{}/1", "{}//1", "{}/1/1", "{}/-1/-1"]))
        back = draw(st.booleans())
        words = [form.format(k - corners if back else count + k + 1) for k in range(corners)]
        lines.append(f"f {' '.join(words[:2])} {draw(st.sampled_from(['', chr(92) + chr(10)]))}{' '.join(words[2:])}")
        count += corners
        expected += [colors[material]] * (corners - 2)
    path = shape(tmp_path_factory.mktemp("obj"), draw(st.sampled_from(["\n", "\r\n"])).join(lines), mtl)
    mesh, found = read_colored_mesh(path)
    assert found is not None and len(mesh.vertices) == count
    assert mesh.face_areas().sum() == pytest.approx(area, rel=1e-5)
    np.testing.assert_array_equal(found.of_faces(), expected)


@pytest.mark.parametrize("text", ["v 0 0\nf 1 1 1\n", "v 0 0 0\nf 0 1 1\n", "v a b c\n", "v 0 0 0\nf -9 1 1\n"])
def test_a_broken_obj_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFile, match=r"shape\.obj"):
        read_colored_mesh(shape(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["", "v 0 0 0\n", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"]
)
def test_an_impossible_obj_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadMesh, match=r"shape\.obj"):
        read_colored_mesh(shape(tmp_path, text))


def test_faces_of_two_corners_are_left_out_and_counted(tmp_path: Path) -> None:
    findings = Findings()
    mesh, _ = read_colored_mesh(shape(tmp_path, QUAD + "f 1 2\nf 1 2 3\n"), None, findings)
    assert mesh.faces.tolist() == [[0, 1, 2]] and "one or two corners" in findings.sentences()[0]


def test_names_that_are_no_utf8_can_be_written_to_a_log(tmp_path: Path) -> None:
    findings = Findings()
    path = shape(tmp_path, "")
    path.write_bytes(b"mtllib caf\xe9.mtl\n" + (QUAD + FACE).encode())
    read_colored_mesh(path, None, findings)
    [sentence] = findings.sentences()
    assert sentence.encode() and "caf" in sentence
