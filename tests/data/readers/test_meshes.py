"""Mesh, point and image files in the real layouts, written here as text and with plain libraries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.mesh_files import read_mesh
from concord3d.data.readers.off_tree import OffTree
from concord3d.data.readers.shapenet import read_renderings
from concord3d.data.reading import read_meshes, read_split
from concord3d.errors import BadCloud, BadMesh, ConfigError, DatasetMissing, UnreadableFile, WrongRelease

TETRAHEDRON = (
    np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], float),
    [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]],
)


@pytest.fixture(scope="module")
def catalog(repository: Path) -> dict[str, DatasetSpec]:
    return load_catalog(repository / "datasets" / "datasets.yaml")


def off_text(vertices: np.ndarray, faces: list[list[int]], head: str = "OFF\n") -> str:
    rows = [f"{head}{len(vertices)} {len(faces)} 0"]
    rows += [" ".join(f"{x:.9g}" for x in vertex) for vertex in vertices]
    rows += [" ".join(map(str, [len(face), *face])) for face in faces]
    return "\n".join(rows) + "\n"


def write_off_tree(root: Path) -> None:
    vertices, faces = TETRAHEDRON
    for category, split, name in (("chair", "train", "chair_0001"), ("airplane", "train", "airplane_0002"),
                                  ("chair", "train", "chair_0010"), ("sofa", "test", "sofa_0003")):  # fmt: skip
        path = root / "ModelNet40" / category / split / f"{name}.off"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(off_text(vertices, faces, "OFF"))


def test_off_tree_gives_meshes_and_clouds_in_one_order(tmp_path: Path, catalog) -> None:
    write_off_tree(tmp_path)
    spec = catalog["modelnet40_off"]
    clouds = read_split(spec, tmp_path, "train", "synthetic")
    meshes = list(read_meshes(spec, tmp_path))
    assert clouds.names == ("airplane/airplane_0002", "chair/chair_0001", "chair/chair_0010")
    assert tuple(mesh.name for mesh in meshes) == clouds.names
    assert [clouds.class_names[label] for label in clouds.labels] == [mesh.category for mesh in meshes]
    assert clouds.points.shape == (3, 2048, 3)
    np.testing.assert_allclose(np.linalg.norm(clouds.points, axis=2).max(axis=1), 1, atol=1e-5)
    again = read_split(spec, tmp_path, "train", "synthetic")
    np.testing.assert_array_equal(clouds.points, again.points)
    # The files are z up: the tallest direction of the tetrahedron, z, becomes y.
    assert np.ptp(meshes[0].mesh.vertices, axis=0).tolist() == [1, 3, 2]
    before, after = trimesh.Trimesh(*TETRAHEDRON, process=False), meshes[0].mesh
    turned = trimesh.Trimesh(after.vertices, after.faces, process=False)
    assert np.sign(turned.volume) == np.sign(before.volume), "a rotation, not a reflection"


def test_an_unknown_class_folder_is_a_wrong_release(tmp_path: Path, catalog) -> None:
    write_off_tree(tmp_path)
    (tmp_path / "ModelNet40/chair").rename(tmp_path / "ModelNet40/chairs")
    with pytest.raises(WrongRelease, match="chairs"):
        read_split(catalog["modelnet40_off"], tmp_path, "train", "synthetic")


def ply_bytes(points: np.ndarray, form: str, extra: bool) -> bytes:
    fields = [("x", "float", "f4"), ("y", "float", "f4"), ("z", "float", "f4")]
    if extra:
        fields = [("red", "uchar", "u1"), *fields, ("quality", "double", "f8")]
    head = f"ply\nformat {form} 1.0\ncomment made by a test\nelement vertex {len(points)}\n"
    head += "".join(f"property {kind} {name}\n" for name, kind, _ in fields)
    head += "element face 0\nproperty list uchar int vertex_indices\nend_header\n"
    order = ">" if form == "binary_big_endian" else "<"
    table = np.zeros(len(points), dtype=[(name, order + code) for name, _, code in fields])
    for column, axis in enumerate("xyz"):
        table[axis] = points[:, column]
    if form == "ascii":
        rows = "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in table.tolist())
        return (head + rows).encode()
    return head.encode() + table.tobytes()


def write_shapenet(root: Path, counts: dict[str, int], suffix: str = ".glb") -> None:
    vertices, faces = TETRAHEDRON
    rows = []
    for index, (name, num_points) in enumerate(counts.items()):
        folder, model = root / "ShapeNet" / name.split("/")[0], name.split("/")[1]
        folder.mkdir(parents=True, exist_ok=True)
        points = np.random.default_rng(index).normal(size=(num_points, 3)).astype(np.float32)
        (folder / f"{model}.ply").write_bytes(ply_bytes(points, "binary_little_endian", False))
        colors = np.tile(np.array([10 * index, 100, 200, 255], np.uint8), (len(vertices), 1))
        trimesh.Trimesh(vertices, faces, vertex_colors=colors, process=False).export(folder / f"{model}{suffix}")
        rows.append(
            {"category": folder.name, "model": model, "name": "n", "descriptive": f"text {index}", "noisy": "x"}
        )
    (root / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".off"])
def test_shapenet_clouds_meshes_and_captions_go_together(tmp_path: Path, catalog, suffix: str) -> None:
    write_shapenet(tmp_path, {"table/m10": 32, "table/m9": 32, "chair/a": 32}, suffix)
    spec = catalog["shapenet"]
    clouds = read_split(spec, tmp_path, "train", "synthetic")
    meshes = list(read_meshes(spec, tmp_path))
    assert clouds.names == tuple(mesh.name for mesh in meshes) == ("chair/a", "table/m9", "table/m10")
    assert clouds.class_names == ("chair", "table") and clouds.labels.tolist() == [0, 1, 1]
    assert [mesh.text for mesh in meshes] == ["text 2", "text 1", "text 0"]
    for mesh in meshes:
        assert sorted(map(tuple, mesh.mesh.vertices.tolist())) == sorted(map(tuple, TETRAHEDRON[0].tolist()))
        assert len(mesh.mesh.faces) == 4
    if suffix == ".glb":
        # trimesh writes bytes of light, which a screen shows lighter.
        assert [mesh.mesh.face_colors[0].tolist() for mesh in meshes] == [[79, 168, 229], [56, 168, 229], [0, 168, 229]]


def test_shapenet_without_meshes_captions_or_points(tmp_path: Path, catalog) -> None:
    write_shapenet(tmp_path, {"chair/a": 32, "chair/b": 8})
    with pytest.raises(BadCloud, match="far fewer points"):
        read_split(catalog["shapenet"], tmp_path, "train", "synthetic")
    (tmp_path / "captions.jsonl").unlink()
    assert next(iter(read_meshes(catalog["shapenet"], tmp_path))).text == "chair"
    (tmp_path / "ShapeNet/chair/b.glb").unlink()
    with pytest.raises(DatasetMissing, match="has no mesh"):
        list(read_meshes(catalog["shapenet"], tmp_path))
    (tmp_path / "captions.jsonl").write_text('{"category": "chair"}\n')
    with pytest.raises(UnreadableFile, match="line 1"):
        list(read_meshes(catalog["shapenet"], tmp_path))
    with pytest.raises(ConfigError, match="no meshes"):
        read_meshes(catalog["modelnet40"], tmp_path)


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply"])
def test_a_truncated_mesh_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    trimesh.Trimesh(*TETRAHEDRON, process=False).export(path)
    content = path.read_bytes()
    for cut in (0, 30, len(content) // 2):
        path.write_bytes(content[:cut])
        with pytest.raises((UnreadableFile, BadMesh), match=rf"a\{suffix}"):
            read_mesh(path)


def test_parts_of_a_scene_are_joined_with_their_places_and_materials(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    for index, color in enumerate(([255, 0, 0, 255], [0, 0, 255, 255])):
        box = trimesh.creation.box()
        box.visual = trimesh.visual.TextureVisuals(material=trimesh.visual.material.PBRMaterial(baseColorFactor=color))
        scene.add_geometry(box, transform=trimesh.transformations.translation_matrix([5 * index, 0, 0]))
    scene.export(tmp_path / "a.glb")
    mesh = read_mesh(tmp_path / "a.glb")
    assert len(mesh.faces) == 24 and np.ptp(mesh.vertices[:, 0]) == 6
    right = mesh.vertices[mesh.faces].mean(axis=1)[:, 0] > 2.5
    assert (mesh.face_colors[right] == [0, 0, 255]).all() and (mesh.face_colors[~right] == [255, 0, 0]).all()


def test_renders_of_every_kind_of_image_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "ShapeNetRendering" / "chair" / "a" / "rendering"
    folder.mkdir(parents=True)
    gray = np.full((7, 9), 128, np.uint8)
    Image.fromarray(gray).save(folder / "00.png")
    Image.fromarray(np.full((7, 9), 32896, np.uint16)).save(folder / "01.png")
    Image.fromarray(np.full((1, 1, 4), 128, np.uint8), "RGBA").save(folder / "02.png")
    Image.fromarray(np.tile(np.array([9, 8, 7], np.uint8), (5, 5, 1))).save(folder / "03.png")
    views = read_renderings(tmp_path, "chair/a", 4, 6)
    assert views.shape == (4, 6, 6, 3) and views.dtype == np.uint8
    assert (views[:3] == 128).all() and (views[3] == [9, 8, 7]).all()
    with pytest.raises(DatasetMissing, match="too few renders"):
        read_renderings(tmp_path, "chair/a", 5, 6)
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "03.png")
    (folder / "03.png").write_bytes((folder / "03.png").read_bytes()[:2000])
    with pytest.raises(UnreadableFile, match=r"03\.png"):
        read_renderings(tmp_path, "chair/a", 4, 6)


def test_renders_are_read_in_natural_order(tmp_path: Path) -> None:
    folder = tmp_path / "ShapeNetRendering" / "chair" / "a" / "rendering"
    folder.mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", (2, 2), (number, 0, 0)).save(folder / f"{number}.png")
        (folder / f"._{number}.png").write_bytes(b"\0\5\x16\7")
    assert read_renderings(tmp_path, "chair/a", 4, 2)[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert read_renderings(tmp_path, "chair/a", 12, 2)[:, 0, 0, 0].tolist() == list(range(12))


def test_side_files_do_not_end_a_collection(tmp_path: Path, catalog, caplog: pytest.LogCaptureFixture) -> None:
    write_off_tree(tmp_path)
    spec = catalog["modelnet40_off"]
    before = read_split(spec, tmp_path, "train", "synthetic")
    (tmp_path / "ModelNet40/chair/train/._chair_0001.off").write_bytes(b"\0\5\x16\7")
    (tmp_path / "__MACOSX/chair/train").mkdir(parents=True)
    after = read_split(spec, tmp_path, "train", "synthetic")
    assert after.names == before.names
    np.testing.assert_array_equal(after.points, before.points)
    assert "1 side files are left out, ._chair_0001.off among them" in caplog.text
    assert len(list(read_meshes(spec, tmp_path))) == 3 and recognise_counts(spec, tmp_path) == 3


def recognise_counts(spec: DatasetSpec, root: Path) -> int:
    return OffTree().census(spec, root, "train").num_items
