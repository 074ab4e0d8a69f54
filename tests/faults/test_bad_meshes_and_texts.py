"""Meshes without faces, colours or textures; texts and indices of every bad kind: named errors or defined results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.mesh_files import read_colored_mesh
from concord3d.data.reading import read_meshes, read_split
from concord3d.errors import BadMesh, ConcordError, DatasetMissing, UnreadableFile, WrongRelease
from concord3d.geometry.mesh import sample_surface

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
SQUARE_FACES = [[0, 1, 2], [0, 2, 3]]
UV = SQUARE[:, :2]
OBJ = (
    "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
    "usemtl m\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
)


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["ensembled"]


def written(root: Path, line: str | dict, mesh: trimesh.Trimesh | None = None) -> Path:
    folder = root / "ensembled"
    (folder / "glb").mkdir(parents=True, exist_ok=True)
    (folder / "index.jsonl").write_text(line if isinstance(line, str) else json.dumps(line), encoding="utf-8")
    (mesh or trimesh.Trimesh(SQUARE, SQUARE_FACES, process=False)).export(folder / "glb" / "a.glb")
    return root


def read(spec: DatasetSpec, root: Path):
    return read_split(spec, root, "train", "synthetic", num_points=32)


ROW = {"uid": "a", "file": "glb/a.glb", "name": "x"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "uid": ""}, "'uid'"),
        ({**ROW, "uid": 3}, "'uid'"),
        ({**ROW, "name": None}, "'name'"),
        ({**ROW, "captions": "a chair"}, "'captions'"),
        ({**ROW, "captions": [1]}, r"'captions\.0'"),
        ({"uid": "a", "name": "x"}, "'file'"),
        ({**ROW, "file": "../../etc/a.glb"}, "relative path"),
        ({**ROW, "file": "/etc/a.glb"}, "relative path"),
        ({**ROW, "file": "glb/a.npy"}, "is no mesh"),
        ([1, 2], "valid dictionary"),
    ],
)
def test_a_row_of_another_form_is_named_with_its_line(tmp_path: Path, spec: DatasetSpec, row, message: str) -> None:
    good = json.dumps({**ROW, "uid": "good"})
    with pytest.raises(UnreadableFile, match=message) as caught:
        read(spec, written(tmp_path, f"{good}\n\n{json.dumps(row)}\n"))
    assert "index.jsonl, line 3" in str(caught.value)


@pytest.mark.parametrize("line", ["{", "null", '{"uid": "a"', "[" * 100_000, '{"uid": "\\ud800", "file": "glb/a.glb"}'])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, spec: DatasetSpec, line: str) -> None:
    with pytest.raises(UnreadableFile, match="line 1"):
        read(spec, written(tmp_path, line))


def test_an_index_in_another_encoding_is_named(tmp_path: Path, spec: DatasetSpec) -> None:
    written(tmp_path, ROW)
    (tmp_path / "ensembled/index.jsonl").write_bytes('{"uid": "é"}'.encode("latin1"))
    with pytest.raises(UnreadableFile, match=r"index\.jsonl"):
        read(spec, tmp_path)


def test_shapes_that_stand_twice_are_missing_or_in_no_split(tmp_path: Path, spec: DatasetSpec) -> None:
    line = json.dumps(ROW)
    with pytest.raises(UnreadableFile, match="stands twice"):
        read(spec, written(tmp_path, f"{line}\n{line}\n"))
    with pytest.raises(DatasetMissing, match=r"b\.glb"):
        read(spec, written(tmp_path, {**ROW, "file": "glb/b.glb"}))
    with pytest.raises(WrongRelease, match="validation"):
        read(spec, written(tmp_path, {**ROW, "split": "validation"}))
    with pytest.raises(DatasetMissing, match="No shapes of ensembled/train"):
        read(spec, written(tmp_path, {**ROW, "split": "test"}))
    with pytest.raises(DatasetMissing, match="No shapes"):
        read(spec, written(tmp_path, "\n"))
    (tmp_path / "ensembled/index.jsonl").unlink()
    with pytest.raises(DatasetMissing, match="No index"):
        read(spec, tmp_path)


def test_texts_of_every_kind_are_read(tmp_path: Path, spec: DatasetSpec) -> None:
    texts = ["", "   ", "z" * 10_000, "红色的椅子", "كرسي", "🪑", "a\nb", "'; drop table"]
    clouds = read(spec, written(tmp_path, {**ROW, "name": " ", "captions": texts}))
    assert clouds.texts is not None and clouds.texts[0].raw == ""
    assert clouds.texts[0].captions == ("z" * 10_000, "红色的椅子", "كرسي", "🪑", "a b", "'; drop table")
    assert next(read_meshes(spec, tmp_path)).text == "z" * 10_000


def test_meshes_without_faces_or_area_are_named(tmp_path: Path, spec: DatasetSpec) -> None:
    written(tmp_path, ROW)
    trimesh.PointCloud(SQUARE).export(tmp_path / "ensembled/glb/a.glb")
    with pytest.raises(BadMesh, match=r"no triangles[\s\S]*a\.glb"):
        read(spec, tmp_path)
    flat = trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False)
    with pytest.raises(BadMesh, match=r"no area[\s\S]*a\.glb"):
        read(spec, written(tmp_path, ROW, flat))
    (tmp_path / "ensembled/glb/a.glb").write_bytes(b"")
    with pytest.raises(ConcordError, match=r"a\.glb"):
        read(spec, tmp_path)


def test_a_mesh_without_colours_is_grey(tmp_path: Path, spec: DatasetSpec) -> None:
    clouds = read(spec, written(tmp_path, ROW))
    assert clouds.colors is not None and (clouds.colors == 102).all()
    assert next(read_meshes(spec, tmp_path)).mesh.face_colors is None


def picture() -> Image.Image:
    """Left half red, right half blue."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4, 0], pixels[:, 4:, 2] = 255, 255
    return Image.fromarray(pixels)


def textured_glb(path: Path, factor: list[int] | None = None) -> None:
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture(), baseColorFactor=factor)
    visual = trimesh.visual.TextureVisuals(uv=UV, material=material)
    trimesh.Trimesh(SQUARE, SQUARE_FACES, visual=visual, process=False).export(path)


def colors_at(path: Path) -> tuple[np.ndarray, np.ndarray]:
    mesh, colors = read_colored_mesh(path)
    assert colors is not None
    sample = sample_surface(mesh, 600, np.random.default_rng(0))
    return sample.points[:, 0], colors.at(sample)


def left(x: np.ndarray) -> np.ndarray:
    """Away from the edges of the two halves: pictures repeat, so the outer edges blend too."""
    return (x > 0.1) & (x < 0.4)


def right(x: np.ndarray) -> np.ndarray:
    return (x > 0.6) & (x < 0.9)


def test_pictures_colour_the_points_under_them(tmp_path: Path) -> None:
    textured_glb(tmp_path / "a.glb")
    x, colors = colors_at(tmp_path / "a.glb")
    assert (colors[left(x)] == [255, 0, 0]).all() and (colors[right(x)] == [0, 0, 255]).all()
    (tmp_path / "obj").mkdir()
    picture().save(tmp_path / "obj/p.png")
    (tmp_path / "obj/a.obj").write_text(OBJ)
    (tmp_path / "obj/a.mtl").write_text("newmtl m\nKd 0.2 0.2 0.2\nmap_Kd p.png\n")
    x, colors = colors_at(tmp_path / "obj/a.obj")
    assert (colors[left(x)] == [255, 0, 0]).all() and (colors[right(x)] == [0, 0, 255]).all()


def test_factors_are_shown_as_a_screen_shows_them(tmp_path: Path) -> None:
    """glTF factors are linear: half of the light is 188 of 255 on a screen."""
    textured_glb(tmp_path / "a.glb", [128, 128, 128, 255])
    x, colors = colors_at(tmp_path / "a.glb")
    assert np.abs(colors[left(x)].astype(int) - [188, 0, 0]).max() <= 1
    plain = trimesh.visual.TextureVisuals(
        material=trimesh.visual.material.PBRMaterial(baseColorFactor=[0, 128, 255, 255])
    )
    trimesh.Trimesh(SQUARE, SQUARE_FACES, visual=plain, process=False).export(tmp_path / "b.glb")
    assert np.abs(colors_at(tmp_path / "b.glb")[1].astype(int) - [0, 188, 255]).max() <= 1


@pytest.mark.parametrize("present", [False, True])
def test_a_missing_picture_leaves_the_materials_colour(tmp_path: Path, present: bool) -> None:
    (tmp_path / "a.obj").write_text(OBJ)
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 1.0 0.5 0.0\nmap_Kd absent.png\n")
    if present:
        (tmp_path / "absent.png").write_text("no picture at all")
    assert np.abs(colors_at(tmp_path / "a.obj")[1].astype(int) - [255, 128, 0]).max() <= 1


def test_a_missing_material_file_leaves_some_colour_or_none(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(OBJ)
    mesh, colors = read_colored_mesh(tmp_path / "a.obj")
    assert len(mesh.faces) == 2
    assert colors is None or len(np.unique(colors.of_faces(), axis=0)) == 1


def test_a_gltf_whose_picture_is_gone_is_white_or_its_factor(tmp_path: Path) -> None:
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture())
    visual = trimesh.visual.TextureVisuals(uv=UV, material=material)
    files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(trimesh.Trimesh(SQUARE, SQUARE_FACES, visual=visual)))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    content = json.loads((tmp_path / "model.gltf").read_text())
    content["images"] = [{"uri": "gone.png"}]
    (tmp_path / "model.gltf").write_text(json.dumps(content))
    assert (colors_at(tmp_path / "model.gltf")[1] == 255).all()


def test_a_picture_that_breaks_off_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "p.png")
    (tmp_path / "p.png").write_bytes((tmp_path / "p.png").read_bytes()[:3000])
    (tmp_path / "a.obj").write_text(OBJ)
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd p.png\n")
    with pytest.raises(UnreadableFile, match=r"a\.obj"):
        read_colored_mesh(tmp_path / "a.obj")


def test_places_in_a_picture_that_are_no_numbers(tmp_path: Path) -> None:
    picture().save(tmp_path / "p.png")
    (tmp_path / "a.obj").write_text(OBJ.replace("vt 1 1", "vt nan inf"))
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd p.png\n")
    _, colors = colors_at(tmp_path / "a.obj")
    assert colors.shape == (600, 3)


def test_parts_with_and_without_pictures_are_joined(tmp_path: Path) -> None:
    textured_glb(tmp_path / "one.glb")
    scene = trimesh.load_scene(tmp_path / "one.glb", process=False)
    plain = trimesh.Trimesh(
        SQUARE + np.array([3, 0, 0]), SQUARE_FACES, vertex_colors=np.tile([9, 8, 7, 255], (4, 1)), process=False
    )
    scene.add_geometry(plain)
    scene.export(tmp_path / "two.glb")
    x, colors = colors_at(tmp_path / "two.glb")
    # trimesh writes bytes of light, which a screen shows lighter.
    assert (colors[x > 2] == [53, 50, 46]).all() and (colors[left(x)] == [255, 0, 0]).all()
