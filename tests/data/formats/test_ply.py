"""PLY of every kind that tools write: elements in any order, numbers of any type, colours of any name."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from concord3d.data.formats.findings import Findings
from concord3d.data.formats.mesh_files import read_colored_mesh
from concord3d.data.formats.ply import read_ply_cloud, read_ply_points, read_scan_mesh
from concord3d.data.formats.ply_elements import count_entries
from concord3d.errors import BadMesh, UnreadableFile

NAMES = {
    "i1": ("char", "int8"), "u1": ("uchar", "uint8"), "i2": ("short", "int16"), "u2": ("ushort", "uint16"),
    "i4": ("int", "int32"), "u4": ("uint", "uint32"), "f4": ("float", "float32"), "f8": ("double", "float64"),
}  # fmt: skip
PACKS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
FORMS = ("ascii", "binary_little_endian", "binary_big_endian")
Row = list[tuple[str, list[float]]]


class Writer:
    """Rows of elements, each number packed by itself."""

    def __init__(self, form: str, newline: str = "\n") -> None:
        self.form, self.newline = form, newline
        self.header, self.body = [f"format {form} 1.0"], b""

    def element(self, name: str, properties: list[tuple[str, ...]], rows: list[list[list[float]]]) -> None:
        """``properties``: (name, type) or (name, type, type of the count); ``rows``: a list of numbers for each."""
        self.header.append(f"element {name} {len(rows)}")
        for own in properties:
            kind = f"list {NAMES[own[2]][0]} {NAMES[own[1]][1]}" if len(own) == 3 else NAMES[own[1]][0]
            self.header.append(f"property {kind} {own[0]}")
        order = ">" if self.form == "binary_big_endian" else "<"
        for row in rows:
            words: list[str] = []
            for own, numbers in zip(properties, row, strict=True):
                numbers = [float(x) if own[1][0] == "f" else int(x) for x in numbers]
                if len(own) == 3:
                    self.body += b"" if self.form == "ascii" else struct.pack(order + PACKS[own[2]], len(numbers))
                    words.append(str(len(numbers)))
                self.body += (
                    b"" if self.form == "ascii" else struct.pack(f"{order}{len(numbers)}{PACKS[own[1]]}", *numbers)
                )
                words += [f"{x:.9g}" if own[1] == "f4" else repr(x) for x in numbers]
            if self.form == "ascii":
                self.body += (" ".join(words) + self.newline).encode()

    def write(self, path: Path) -> Path:
        head = self.newline.join(["ply", *self.header, "end_header", ""])
        path.write_bytes(head.encode("latin-1") + self.body)
        return path


WHOLE = st.sampled_from(["i1", "u1", "i2", "u2", "i4", "u4"])
COLOR_NAMES = [
    ("red", "green", "blue"),
    ("r", "g", "b"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
    ("Red", "Green", "Blue"),
]


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_clouds_of_every_kind(tmp_path_factory, data: st.DataObject) -> None:
    rng, draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))), data.draw
    form, count = draw(st.sampled_from(FORMS)), draw(st.integers(1, 30))
    writer = Writer(form, draw(st.sampled_from(["\n", "\r\n"])) if form == "ascii" else "\n")
    writer.header.insert(
        draw(st.integers(0, 1)),
        "comment Å element vertex 9 end_header made elsewhere — \xe9".encode("latin-1", "replace").decode("latin-1"),
    )
    points = rng.normal(size=(count, 3)).astype(np.float32)
    shades = rng.integers(0, 256, (count, 3))
    shades[0, 0] = 255
    axes = draw(st.sampled_from(["xyz", "XYZ"]))
    kind = draw(st.sampled_from(["none", "u1", "u2", "fraction", "f4", "i4", "u2 bytes"]))
    stored = {
        "fraction": shades / 255, "u2": shades * 257,
    }.get(kind, shades)  # fmt: skip
    code = {"fraction": "f4", "u2 bytes": "u2"}.get(kind, kind)
    columns: list[tuple[tuple[str, ...], list[list[float]]]] = [
        ((name, draw(st.sampled_from(["f4", "f8"]))), [[x] for x in points[:, place].tolist()])
        for place, name in enumerate(axes)
    ]
    if kind != "none":
        names = draw(st.sampled_from(COLOR_NAMES))
        columns += [((name, code), [[x] for x in stored[:, place].tolist()]) for place, name in enumerate(names)]
    if draw(st.booleans()):
        tags = ("tags", draw(st.sampled_from(sorted(NAMES))), draw(WHOLE))
        columns.append((tags, [rng.integers(0, 9, rng.integers(0, 4)).tolist() for _ in range(count)]))
    columns.append((("quality", "i2"), [[7]] * count))
    columns = [columns[place] for place in rng.permutation(len(columns))]
    elements = [
        ("vertex", [own for own, _ in columns], [list(row) for row in zip(*(rows for _, rows in columns), strict=True)])
    ]
    if draw(st.booleans()):
        elements.append(("camera", [("fx", "f4")], [[[3.0]]]))
    if draw(st.booleans()):
        sizes = rng.integers(3, 5, draw(st.integers(0, 4)))
        elements.append(("face", [("vertex_indices", "i4", "u1")], [[[0] * int(size)] for size in sizes]))
    for place in rng.permutation(len(elements)):
        writer.element(*elements[place])
    path = writer.write(tmp_path_factory.mktemp("ply") / "a.ply")
    if form == "ascii" and draw(st.booleans()):
        path.write_bytes(path.read_bytes().replace(b"end_header", b"end_header\n").replace(b"\n", b"\n\n"))
    found, colors = read_ply_cloud(path)
    np.testing.assert_array_equal(found, points)
    np.testing.assert_array_equal(read_ply_points(path), points)
    assert count_entries(path) == {name: len(rows) for name, _, rows in elements}
    if kind == "none":
        assert colors is None
    else:
        np.testing.assert_array_equal(colors, shades)
    content = path.read_bytes()
    needed = len(content) - 1 if form != "ascii" else None
    for cut in (0, 3, 20, needed):
        if cut is not None:
            path.write_bytes(content[:cut])
            with pytest.raises(UnreadableFile, match=r"a\.ply"):
                read_ply_cloud(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_meshes_of_every_kind(tmp_path_factory, data: st.DataObject) -> None:
    rng, draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))), data.draw
    writer = Writer(draw(st.sampled_from(FORMS)))
    if draw(st.booleans()):
        writer.header.append("obj_info element face 7")
    vertices, faces, area = [], [], 0.0
    for level in range(draw(st.integers(1, 5))):
        corners = draw(st.sampled_from([3, 4, 6]))
        angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) / corners
        x, y = rng.uniform(0.2, 1, corners) * np.stack([np.cos(angles), np.sin(angles)])
        area += float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        faces.append(list(range(len(vertices), len(vertices) + corners)))
        vertices += [[a, b, float(level)] for a, b in zip(x, y, strict=True)]
    on = draw(st.sampled_from(["none", "vertex", "face"]))
    shades = {"vertex": rng.integers(0, 256, (len(vertices), 3)), "face": rng.integers(0, 256, (len(faces), 3))}
    code, factor = draw(st.sampled_from([("u1", 1.0), ("u2", 257.0), ("f4", 1 / 255), ("f8", 1 / 255), ("i4", 1.0)]))
    shades[on if on != "none" else "vertex"][0, 0] = 255
    stored = {
        name: (values * factor if code[0] == "f" else (values * int(factor))).tolist()
        for name, values in shades.items()
    }
    channels = [(name, code) for name in draw(st.sampled_from(COLOR_NAMES))]
    places = [("x", "f8"), ("y", "f8"), ("z", "f8")]
    own = [[[x] for x in row] for row in vertices]
    lists = [
        (
            draw(st.sampled_from(["vertex_indices", "vertex_index"])),
            draw(WHOLE),
            draw(WHOLE),
        )
    ]
    polygons = [[face] for face in faces]
    if on == "vertex":
        places, own = (
            places + channels,
            [row + [[x] for x in shade] for row, shade in zip(own, stored[on], strict=True)],
        )
    if on == "face":
        lists, polygons = (
            lists + channels,
            [row + [[x] for x in shade] for row, shade in zip(polygons, stored[on], strict=True)],
        )
    elements = [("vertex", places, own), ("face", lists, polygons)]
    # Elements of other kinds anywhere, with lists and numbers of any type, are passed over.
    for name in draw(st.lists(st.sampled_from(["edge", "camera", "material"]), max_size=2, unique=True)):
        kinds = [
            ("weight", draw(st.sampled_from(sorted(NAMES)))),
            ("ends", draw(st.sampled_from(sorted(NAMES))), draw(WHOLE)),
        ]
        rows = [[[3], rng.integers(0, 9, rng.integers(0, 4)).tolist()] for _ in range(draw(st.integers(0, 3)))]
        elements.append((name, kinds, rows))
    for place in rng.permutation(len(elements)):
        writer.element(*elements[place])
    mesh, colors = read_colored_mesh(writer.write(tmp_path_factory.mktemp("ply") / "a.ply"))
    assert mesh.face_areas().sum() == pytest.approx(area, rel=1e-5)
    owner = np.repeat(np.arange(len(faces)), [len(face) - 2 for face in faces])
    assert len(mesh.faces) == len(owner) and (mesh.vertices[mesh.faces][:, :, 2] == owner[:, None]).all()
    if on == "none":
        assert colors is None
    else:
        expected = (
            shades["vertex"][mesh.faces] if on == "vertex" else np.repeat(shades["face"][owner][:, None], 3, axis=1)
        )
        assert colors is not None
        np.testing.assert_array_equal(colors.corners, expected)


SQUARE = [[[0.0], [0.0], [0.0]], [[1.0], [0.0], [0.0]], [[1.0], [1.0], [0.0]], [[0.0], [1.0], [0.0]]]
FLOATS = b"property float %s\nproperty float %s\nproperty float %s\n"
AXES = [("x", "f4"), ("y", "f4"), ("z", "f4")]


@pytest.mark.parametrize("form", FORMS)
def test_strips_of_triangles(tmp_path: Path, form: str) -> None:
    writer = Writer(form)
    writer.element("vertex", AXES, SQUARE)
    writer.element("tristrips", [("vertex_indices", "i4", "i4")], [[[0, 1, 3, 2, -1, 2, 0, 1]], [[3, 1, 0]]])
    mesh, _ = read_colored_mesh(writer.write(tmp_path / "a.ply"))
    assert mesh.faces.tolist() == [[0, 1, 3], [1, 2, 3], [2, 0, 1], [3, 1, 0]]


@pytest.mark.parametrize("where", ["face", "vertex"])
def test_pictures_that_a_comment_names(tmp_path: Path, where: str) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4, 0], pixels[:, 4:, 2] = 255, 255
    Image.fromarray(pixels).save(tmp_path / "my picture.png")
    writer = Writer("binary_little_endian")
    writer.header.append("comment TextureFile my picture.png")
    uv = [[0.1, 0.5], [0.4, 0.5], [0.4, 0.6], [0.1, 0.6]]
    if where == "vertex":
        writer.element(
            "vertex",
            [*AXES, ("s", "f4"), ("t", "f4")],
            [[*row, [u], [v]] for row, (u, v) in zip(SQUARE, uv, strict=True)],
        )
        writer.element("face", [("vertex_indices", "i4", "u1")], [[[0, 1, 2, 3]]])
    else:
        writer.element("vertex", AXES, SQUARE)
        writer.element(
            "face",
            [("vertex_indices", "i4", "u1"), ("texcoord", "f4", "u1")],
            [[[0, 1, 2, 3], [x for place in uv for x in place]]],
        )
    path = writer.write(tmp_path / "a.ply")
    mesh, _ = read_colored_mesh(path)
    assert mesh.face_colors is not None and mesh.face_colors.tolist() == [[255, 0, 0]] * 2
    (tmp_path / "my picture.png").unlink()
    findings = Findings()
    assert read_colored_mesh(path, None, findings)[1] is None
    assert findings.sentences()[0].startswith("1 pictures that are not there")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header"), (b"ply\nformat ascii 1.0\nelement vertex 1\n", "header"), (b"solid\nend_header\n", "header"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty half x\nend_header\n1\n", "half"),
        (b"ply\nformat binary 1.0\nend_header\n", "binary"), (b"ply\nformat ascii 1.0\nend_header\n", "x, y and z"),
        (b"ply\nformat ascii 1.0\nelement vertex 2\n" + FLOATS % (b"x", b"y", b"z") + b"end_header\n0 0 0\n", "1 of 2"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\n" + FLOATS % (b"x", b"y", b"z")
         + FLOATS % (b"red", b"green", b"blue") + b"end_header\n0 0 0 300 0 0\n", "out of range"),
    ],
)  # fmt: skip
def test_a_broken_ply_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.ply").write_bytes(content)
    with pytest.raises(UnreadableFile, match=rf"(?s)({message}.*a\.ply|a\.ply.*{message})"):
        read_ply_cloud(tmp_path / "a.ply")


@pytest.mark.parametrize("faces", [[], [[[0, 1, 9]]]])
def test_a_mesh_without_faces_or_with_broken_ones_is_named(tmp_path: Path, faces: list[list[list[float]]]) -> None:
    writer = Writer("binary_little_endian")
    writer.element("vertex", AXES, SQUARE)
    writer.element("face", [("vertex_indices", "i4", "u1")], faces)
    with pytest.raises(BadMesh, match=r"a\.ply"):
        read_colored_mesh(writer.write(tmp_path / "a.ply"))


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_a_scan_by_a_foreign_writer_comes_back_with_what_is_said_of_its_vertices(tmp_path: Path, encoding: str) -> None:
    box = trimesh.creation.box()
    box.visual.vertex_colors = np.arange(32, dtype=np.uint8).reshape(8, 4)
    box.vertex_attributes["objectId"] = np.arange(8, dtype=np.uint16)
    path = tmp_path / "a.ply"
    path.write_bytes(trimesh.exchange.ply.export_ply(box, encoding=encoding))
    mesh = read_scan_mesh(path)
    np.testing.assert_allclose(mesh.points, box.vertices, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, box.faces)
    np.testing.assert_array_equal(mesh.properties["objectid"], np.arange(8))
    np.testing.assert_array_equal(mesh.colors, np.arange(32).reshape(8, 4)[:, :3])


@pytest.mark.parametrize(
    ("faces", "message"), [("3 0 1 2\n3 0 1 4\n", "vertex 4 of 4"), ("3 0 1 2\n", "a.ply"), ("", "a.ply")]
)
def test_a_scan_with_broken_faces_is_named(tmp_path: Path, faces: str, message: str) -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 2\nproperty list uchar int vertex_indices\nend_header\n" + "0 0 0\n0 0 1\n0 1 0\n1 0 0\n"
    path = tmp_path / "a.ply"
    path.write_text(head + faces)
    with pytest.raises(UnreadableFile, match=message):
        read_scan_mesh(path)


def test_a_cloud_is_no_scan(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    properties = "".join(f"property float {axis}\n" for axis in "xyz")
    path.write_text(f"ply\nformat ascii 1.0\nelement vertex 1\n{properties}end_header\n0 0 0\n")
    with pytest.raises(UnreadableFile, match="mesh of a scan"):
        read_scan_mesh(path)
