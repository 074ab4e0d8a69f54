"""Meshes with texts: clouds, colours, texts, classes and splits from an index beside mesh files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.texts import clean_text, shape_texts
from concord3d.data.readers.mesh_text import IndexRow, split_of
from concord3d.data.reading import read_meshes, read_split, recognise
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.data.verify import obtain
from concord3d.errors import BadCloud, ConfigError, DatasetCorrupt, LicenceGate, UnreadableFile, WrongRelease
from concord3d.geometry.srgb import shown_for

TETRAHEDRON = (
    np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], float),
    [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
)


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["ensembled"]


def shown(*light: int) -> list[int]:
    """What a screen shows of colours of vertices as trimesh writes them: bytes of light."""
    return (255 * shown_for(np.array(light) / 255)).round().astype(int).tolist()


def write_set(root: Path, rows: list[dict[str, Any]], folder: str = "ensembled", color: bool = True) -> Path:
    """Write one tetrahedron per row, each of another colour and size, and the index."""
    target = root / folder
    (target / "glb").mkdir(parents=True, exist_ok=True)
    lines = []
    for number, row in enumerate(rows):
        shade = np.tile(np.array([10 * number + 5, 100, 200, 255], np.uint8), (4, 1)) if color else None
        mesh = trimesh.Trimesh(TETRAHEDRON[0] * (number + 1), TETRAHEDRON[1], vertex_colors=shade, process=False)
        file = row.get("file", f"glb/{row['uid']}.glb")
        mesh.export(target / file)
        lines.append(json.dumps({"file": file, **row}))
    (target / "index.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def test_clouds_meshes_and_texts_go_together(tmp_path: Path, spec: DatasetSpec) -> None:
    rows = [
        {"uid": "b", "name": "sofa", "captions": ["a grey sofa", ""], "retrieved": ["sofa best price"], "pack": "p"},
        {"uid": "a", "name": "", "num_vertices": 4, "split": "test"},
        {"uid": "c", "name": "chair", "split": "train"},
    ]
    clouds = read_split(spec, write_set(tmp_path, rows), "train", "synthetic", num_points=64)
    assert clouds.names == ("b", "c"), "in the order of the index"
    assert clouds.points.shape == (2, 64, 3) and clouds.labels.tolist() == [-1, -1] and clouds.class_names == ()
    assert clouds.texts == (
        ShapeTexts("sofa", ("a grey sofa",), ("sofa best price",)),
        ShapeTexts("chair"),
    )
    assert clouds.colors is not None
    assert (clouds.colors[0] == shown(5, 100, 200)).all() and (clouds.colors[1] == shown(25, 100, 200)).all()
    np.testing.assert_allclose(clouds.points.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(clouds.points, axis=2).max(axis=1), 1, atol=1e-5)
    meshes = list(read_meshes(spec, tmp_path))
    assert [mesh.name for mesh in meshes] == list(clouds.names)
    assert [mesh.text for mesh in meshes] == ["a grey sofa", "chair"]
    assert [mesh.name for mesh in read_meshes(spec, tmp_path, "test")] == ["a"]
    assert read_split(spec, tmp_path, "test", "synthetic", num_points=8).texts == (ShapeTexts(),)


def test_ten_thousand_points_by_default_and_the_same_ones_every_time(tmp_path: Path, spec: DatasetSpec) -> None:
    write_set(tmp_path, [{"uid": "a", "name": "x"}, {"uid": "b", "name": "y"}])
    first = read_split(spec, tmp_path, "train", "synthetic")
    assert first.points.shape == (2, 10_000, 3)
    again = read_split(spec, tmp_path, "train", "synthetic")
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.colors, again.colors)
    write_set(tmp_path / "alone", [{"uid": "b", "name": "other"}])
    alone = read_split(spec, tmp_path / "alone", "train", "synthetic")
    # Of the first mesh now, but the sizes differ by a factor only, which the unit sphere takes away.
    np.testing.assert_allclose(alone.points[0], first.points[1], atol=1e-5)
    assert not np.allclose(first.points[0], first.points[1], atol=1e-2), "each shape has points of its own"
    with pytest.raises(BadCloud, match="At least one point"):
        read_split(spec, tmp_path, "train", "synthetic", num_points=0)


def test_classes_come_from_categories_or_their_list(tmp_path: Path, repository: Path) -> None:
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["objaverse_lvis"]
    rows = [
        {"uid": "a", "category": "red chair", "split": "test"},
        {"uid": "b", "split": "test"},
        {"uid": "c", "category": "blue bed", "split": "test"},
    ]
    write_set(tmp_path, rows, "objaverse_lvis")
    clouds = read_split(spec, tmp_path, "test", "synthetic", num_points=16)
    assert clouds.class_names == ("blue bed", "red chair") and clouds.labels.tolist() == [1, -1, 0]
    assert [mesh.text for mesh in read_meshes(spec, tmp_path, "test")] == ["red chair", "", "blue bed"]
    names = tmp_path / "objaverse_lvis" / "class_names.txt"
    names.write_text("red chair\ngreen cup\nblue bed\n")
    listed = read_split(spec, tmp_path, "test", "synthetic", num_points=16)
    assert listed.class_names == ("red chair", "green cup", "blue bed") and listed.labels.tolist() == [0, -1, 2]
    names.write_text("red chair\ngreen cup\n")
    with pytest.raises(WrongRelease, match="blue bed"):
        read_split(spec, tmp_path, "test", "synthetic", num_points=16)
    names.write_text("red chair\nblue bed\nred chair\n")
    with pytest.raises(WrongRelease, match="stands twice"):
        read_split(spec, tmp_path, "test", "synthetic", num_points=16)
    with pytest.raises(ConfigError, match="no split 'train'"):
        list(read_meshes(spec, tmp_path))


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=200)
@given(name=words, uids=st.lists(words.filter(bool), min_size=2, max_size=4, unique=True))
def test_all_meshes_of_a_name_are_on_one_side(name: str, uids: list[str]) -> None:
    rows = [IndexRow(uid=uid, file="a.glb", name=spelling) for uid in uids for spelling in (name, f"  {name.upper()} ")]
    if clean_text(name) and name.upper().casefold() == name.casefold():
        assert len({split_of(row, 0.2) for row in rows}) == 1
    assert {split_of(row, None) for row in rows} == {"train"}


def test_about_a_fifth_of_the_names_is_held_out() -> None:
    sides = [split_of(IndexRow(uid=f"u{i}", file="a.glb", name=f"name {i}"), 0.2) for i in range(3000)]
    assert 0.17 < sides.count("test") / 3000 < 0.23
    unnamed = [split_of(IndexRow(uid=f"u{i}", file="a.glb"), 0.2) for i in range(300)]
    assert 20 < unnamed.count("test") < 100, "shapes without a name are spread by their identifier"
    assert split_of(IndexRow(uid="u", file="a.glb", name="name 3", split="val"), 0.2) == "val"


def test_texts_are_brought_to_one_line() -> None:
    assert clean_text(" a\tb\r\nc\x00\x1b d\u2028e ") == "a b c d e"
    assert clean_text("ein\ud800e") == "eine"
    for text in ("红色的椅子", "كرسي أحمر", "стул", "🪑 chaise", "y" * 10_000):
        assert clean_text(text) == text
    assert shape_texts("\n", ["", " \t", "x"], ["\x07"]) == ShapeTexts("", ("x",), ())


def test_a_copy_is_counted_by_its_index(tmp_path: Path, spec: DatasetSpec) -> None:
    rows = [{"uid": f"u{i}", "name": "n", "split": "test" if i < 2 else "train"} for i in range(5)]
    write_set(tmp_path, rows)
    release = spec.releases[0].model_copy(update={"counts": {"train": 3, "test": 2}})
    assert recognise(spec.model_copy(update={"releases": [release]}), tmp_path) == release
    other = release.model_copy(update={"counts": {"train": 4, "test": 2}})
    with pytest.raises(WrongRelease, match="train 3, test 2"):
        recognise(spec.model_copy(update={"releases": [other]}), tmp_path)
    with pytest.raises(WrongRelease, match="train 3"):
        read_split(spec.model_copy(update={"releases": [other]}), tmp_path, "train", "real", num_points=8)


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".off"])
def test_every_format_of_meshes(tmp_path: Path, spec: DatasetSpec, suffix: str) -> None:
    write_set(tmp_path, [{"uid": "a", "name": "x", "file": f"glb/a{suffix}"}], color=suffix == ".glb")
    clouds = read_split(spec, tmp_path, "train", "synthetic", num_points=32)
    assert clouds.colors is not None
    # Without colours: grey of 0.4.
    assert (clouds.colors == (shown(5, 100, 200) if suffix == ".glb" else [102, 102, 102])).all()


def test_a_collection_is_taken_from_a_mirror_or_explained(tmp_path: Path, spec: DatasetSpec) -> None:
    with pytest.raises(LicenceGate, match=r"index\.jsonl with uid, file, name"):
        obtain(spec, tmp_path / "raw")
    write_set(tmp_path / "mirror", [{"uid": "a", "name": "x"}, {"uid": "b", "split": "test"}])
    assert obtain(spec, tmp_path / "raw", [str(tmp_path / "mirror")]).name == "collected"
    assert read_split(spec, tmp_path / "raw", "train", "real", num_points=8).names == ("a",)
    (tmp_path / "raw/ensembled/glb/b.glb").unlink()
    with pytest.raises(DatasetCorrupt, match=r"b\.glb"):
        read_split(spec, tmp_path / "raw", "train", "real", num_points=8)


def test_an_index_made_on_windows(tmp_path: Path, spec: DatasetSpec) -> None:
    """A byte order mark, ends of lines of two characters, backslashes, and suffixes in large letters."""
    write_set(tmp_path, [{"uid": "a", "name": "x"}])
    (tmp_path / "ensembled/glb/a.glb").rename(tmp_path / "ensembled/glb/A.GLB")
    line = json.dumps({"uid": "a", "name": "x", "file": "glb\\A.GLB"})
    (tmp_path / "ensembled/index.jsonl").write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n")
    clouds = read_split(spec, tmp_path, "train", "synthetic", num_points=8)
    assert clouds.names == ("a",) and (clouds.colors == shown(5, 100, 200)).all()
    assert [mesh.name for mesh in read_meshes(spec, tmp_path)] == ["a"]


def test_what_a_mesh_lacks_is_counted_in_the_log_and_the_store(
    tmp_path: Path, spec: DatasetSpec, caplog: pytest.LogCaptureFixture
) -> None:
    write_set(tmp_path, [{"uid": uid, "name": "x", "file": f"glb/{uid}.obj"} for uid in "ab"], color=False)
    for uid in "ab":
        text = "mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv nan 0 0\nvt 0 0\nusemtl m\nf 1/1 2/1 3/1\n"
        (tmp_path / f"ensembled/glb/{uid}.obj").write_text(text)
    (tmp_path / "ensembled/glb/m.mtl").write_text("newmtl m\nmap_Kd ../gone.png\n")
    clouds = read_split(spec, tmp_path, "train", "synthetic", num_points=8)
    assert len(clouds.findings) == 2
    assert "2 pictures that are not there: ../gone.png (of a.obj), ../gone.png (of b.obj)" in clouds.findings
    assert all(sentence in caplog.text for sentence in clouds.findings)
    clouds.save(tmp_path / "store.npz")
    assert CloudSplit.load(tmp_path / "store.npz").findings == clouds.findings
    (tmp_path / "ensembled/glb/m.mtl").write_text("newmtl m\nmap_Kd ../../secret.png\n")
    with pytest.raises(UnreadableFile, match="outside the data set"):
        read_split(spec, tmp_path, "train", "synthetic", num_points=8)
