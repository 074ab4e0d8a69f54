"""The release of OpenShape, written here as its authors do: dictionaries in ``.npy``, lists in JSON, shards in tar."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data import storage
from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers.openshape_npy import iterate_records
from concord3d.data.reading import read_split, recognise
from concord3d.data.stores.objects import ShapeTexts
from concord3d.data.verify import obtain
from concord3d.errors import BadCloud, ConcordError, DatasetMissing, UnreadableFile, UnsafeArchive, WrongRelease

WIDTH, POINTS = 6, 20


@pytest.fixture(scope="module")
def catalog(repository: Path) -> dict[str, DatasetSpec]:
    return load_catalog(repository / "datasets" / "datasets.yaml")


def feature(*key: Any) -> dict[str, np.ndarray]:
    """Features of one text; the authors' have a leading axis of one."""
    rng = np.random.default_rng([sum(map(ord, str(part))) for part in key])
    return {kind: rng.normal(size=(1, WIDTH)).astype(np.float32) for kind in ("original", "prompt_avg")}


def shape(name: str, dataset: str = "ShapeNet", **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng([ord(letter) for letter in name])
    content = {
        "dataset": dataset,
        "group": "000-000",
        "id": name,
        "xyz": rng.uniform(-1, 1, (POINTS, 3)),
        "rgb": rng.random((POINTS, 3)),
        "image_feat": rng.normal(size=(12, WIDTH)).astype(np.float16),
        "text": [f"raw {name}", "another"],
        "text_feat": [feature("raw", name), feature("another")],
        "blip_caption": f"blip {name}",
        "blip_caption_feat": feature("blip", name),
        "msft_caption": f"azure\n{name}",
        "msft_caption_feat": feature("azure", name),
        "retrieval_text": [f"found {name}", "", "SALE"],
        "retrieval_text_feat": [feature("found", name), feature("empty"), feature("sale")],
    }
    return {**content, **changes}


def npy(content: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, content, allow_pickle=True)
    return stream.getvalue()


def listed(names: list[str], dataset: str, folder: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {"id": name, "dataset": dataset, "group": "000-000", "data_path": f"/mnt/data/{folder}/{name}.npy", **more}
        for name in names
    ]


def write_list(root: Path, path: str, rows: Any) -> None:
    target = root / "openshape-training-data" / "meta_data" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows))


def write_folder(root: Path, folder: str, shapes: dict[str, Any]) -> None:
    target = root / "openshape-training-data" / folder
    target.mkdir(parents=True, exist_ok=True)
    for name, content in shapes.items():
        (target / f"{name}.npy").write_bytes(content if isinstance(content, bytes) else npy(content))


def write_shard(root: Path, file: str, shapes: dict[str, Any], inside: str = "") -> Path:
    path = root / "openshape-training-data" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as shard:
        for name, content in shapes.items():
            member = tarfile.TarInfo(f"{inside}{name}.npy")
            data = npy(content)
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))
    return path


def test_clouds_colours_texts_and_features(tmp_path: Path, catalog: dict[str, DatasetSpec]) -> None:
    spec = catalog["openshape_shapenet"]
    content = shape("a")
    write_folder(tmp_path, "ShapeNet/02691156", {"a": content, "unlisted": shape("unlisted")})
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", listed(["a"], "ShapeNet", "ShapeNet/02691156"))
    (record,) = iterate_records(spec, tmp_path, "train")
    np.testing.assert_allclose(record.points, content["xyz"], atol=1e-6)
    np.testing.assert_array_equal(record.colors, np.round(content["rgb"] * 255).astype(np.uint8))
    assert record.texts == ShapeTexts("raw a", ("blip a", "azure a"), ("found a", "SALE"))
    assert record.thumbnail_feature is None
    np.testing.assert_array_equal(record.image_features, content["image_feat"].astype(np.float32))
    # Averaged over prompts for raw text and captions, bare for retrieved ones.
    expected = [feature(kind, "a")["prompt_avg"] for kind in ("raw", "blip", "azure")]
    expected += [feature("found", "a")["original"], feature("sale")["original"]]
    np.testing.assert_array_equal(record.text_features, np.concatenate(expected))
    assert len(record.text_features) == len(record.texts.all)
    clouds = read_split(spec, tmp_path, "train", "synthetic")
    assert clouds.names == ("a",) and clouds.labels.tolist() == [-1] and clouds.texts == (record.texts,)
    np.testing.assert_array_equal(clouds.colors[0], record.colors)
    with pytest.raises(WrongRelease, match="20 points"):
        read_split(spec, tmp_path, "train", "real")
    assert read_split(spec, tmp_path, "train", "synthetic", num_points=7).colors.shape == (1, 7, 3)


def test_useless_names_are_dropped_and_thumbnails_kept(tmp_path: Path, catalog: dict[str, DatasetSpec]) -> None:
    spec = catalog["openshape_no_lvis"]
    thumbnail = np.arange(WIDTH, dtype=np.float32)
    shapes = {name: shape(name, "Objaverse", thumbnail_feat=thumbnail[None]) for name in ("u1", "u2", "u3")}
    shapes["u3"] |= {"blip_caption": "", "blip_caption_feat": None, "msft_caption": "", "retrieval_text": []}
    shapes["u3"] |= {"retrieval_text_feat": []}
    write_shard(tmp_path, "Objaverse/000-000.tar.gz", shapes)
    # The same identifier in a curated set keeps its name.
    write_folder(tmp_path, "ABO", {"u1_abo": shape("u1")})
    rows = listed(list(shapes), "Objaverse", "Objaverse/000-000") + listed(["u1_abo"], "ABO", "ABO", id="u1")
    write_list(tmp_path, "split/train_no_lvis.json", rows)
    write_list(tmp_path, "gpt4_filtering.json", {"u1": {"flag": "N"}, "u2": {"flag": "Y"}, "u3": {"flag": "N"}})
    records = list(iterate_records(spec, tmp_path, "train"))
    assert [(record.entry.dataset, record.entry.id) for record in records] == [
        ("ABO", "u1"), ("Objaverse", "u1"), ("Objaverse", "u2"), ("Objaverse", "u3"),
    ]  # fmt: skip
    assert [record.texts.raw for record in records] == ["raw u1", "", "raw u2", ""]
    assert records[3].texts == ShapeTexts() and records[3].text_features.shape == (0, WIDTH)
    np.testing.assert_array_equal(records[1].thumbnail_feature, thumbnail)
    assert len(records[1].text_features) == 4


@pytest.mark.parametrize("inside", ["", "000-003/", "./Objaverse/000-003/"])
def test_packed_and_unpacked_shapes_are_the_same(tmp_path: Path, catalog: dict[str, DatasetSpec], inside: str) -> None:
    spec = catalog["openshape_lvis"]
    shapes = {name: shape(name, "Objaverse") for name in ("c", "a", "b")}
    rows = [
        {"uid": name, "category": category, "group": "000-003", "data_path": f"/x/Objaverse/000-003/{name}.npy"}
        for name, category in (("a", "sofa"), ("b", "armor"), ("c", "sofa"))
    ]
    for place in ("folder", "shard", "flat", "both"):
        write_list(tmp_path / place, "split/lvis.json", rows)
    write_folder(tmp_path / "folder", "Objaverse/000-003", shapes)
    write_shard(tmp_path / "shard", "Objaverse/000-003.tar.gz", dict(sorted(shapes.items())), inside)
    write_shard(tmp_path / "flat", "000-003.tar.gz", dict(sorted(shapes.items())), inside)
    write_shard(tmp_path / "both", "Objaverse/000-003.tar.gz", {"a": shape("another")}, inside)
    write_folder(tmp_path / "both", "Objaverse/000-003", shapes)
    first = read_split(spec, tmp_path / "folder", "test", "synthetic")
    assert first.class_names == ("armor", "sofa") and first.labels.tolist() == [1, 0, 1]
    assert first.names == ("a", "b", "c")
    for place in ("shard", "flat", "both"):
        other = read_split(spec, tmp_path / place, "test", "synthetic")
        assert other.names == first.names and other.texts == first.texts
        np.testing.assert_array_equal(other.points, first.points)


def test_shapes_that_are_missing_are_named(tmp_path: Path, catalog: dict[str, DatasetSpec]) -> None:
    spec = catalog["openshape_shapenet"]
    with pytest.raises(DatasetMissing, match="No list"):
        read_split(spec, tmp_path, "train", "synthetic")
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", listed(["a", "b"], "ShapeNet", "ShapeNet"))
    with pytest.raises(DatasetMissing, match="No shapes"):
        read_split(spec, tmp_path, "train", "synthetic")
    write_folder(tmp_path, "ShapeNet", {"a": shape("a")})
    with pytest.raises(DatasetMissing, match=r"1 missing, first: b\.npy"):
        read_split(spec, tmp_path, "train", "synthetic")
    assert recognise(spec, tmp_path).name == "huggingface", "lists are counted, clouds are not opened"


@pytest.mark.parametrize("rows", [[], {"a": 1}, [1], [{"id": "a"}], listed(["a", "a"], "ShapeNet", "ShapeNet")])
def test_lists_of_another_form_are_named(tmp_path: Path, catalog: dict[str, DatasetSpec], rows: Any) -> None:
    write_folder(tmp_path, "ShapeNet", {"a": shape("a")})
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", rows)
    with pytest.raises(UnreadableFile, match=r"train_shapenet_only\.json"):
        read_split(catalog["openshape_shapenet"], tmp_path, "train", "synthetic")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xyz": np.zeros((POINTS, 2))}, "xyz"),
        ({"rgb": np.zeros((POINTS + 1, 3))}, "rgb"),
        ({"rgb": np.full((POINTS, 3), 255.0)}, "255"),
        ({"rgb": np.full((POINTS, 3), np.nan)}, "nan"),
        ({"image_feat": np.float32(3)}, "form"),
        ({"text": "a text alone"}, "list of texts"),
        ({"text_feat": []}, "zip"),
        ({"text": [7]}, "form"),
        ({"blip_caption_feat": {"original": np.zeros(WIDTH)}}, "prompt_avg"),
        ({"retrieval_text_feat": [feature("x")] * 2}, "zip"),
        ({"msft_caption_feat": {"prompt_avg": np.zeros(WIDTH + 1)}}, "reshape"),
        ({"thumbnail_feat": np.zeros(3)}, "reshape"),
    ],
)
def test_shapes_of_another_form_are_named(
    tmp_path: Path, catalog: dict[str, DatasetSpec], changes: dict[str, Any], message: str
) -> None:
    write_folder(tmp_path, "ShapeNet", {"a": shape("a", **changes)})
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", listed(["a"], "ShapeNet", "ShapeNet"))
    with pytest.raises(UnreadableFile, match=message) as caught:
        read_split(catalog["openshape_shapenet"], tmp_path, "train", "synthetic")
    assert "a.npy" in str(caught.value)


def test_other_contents_are_named(tmp_path: Path, catalog: dict[str, DatasetSpec]) -> None:
    spec = catalog["openshape_shapenet"]
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", listed(["a", "b"], "ShapeNet", "ShapeNet"))
    lacking = shape("a")
    del lacking["xyz"]
    for content in (lacking, [1, 2], "text", npy(np.eye(3)), b"", npy(shape("a"))[:400]):
        write_folder(tmp_path, "ShapeNet", {"a": content, "b": shape("b")})
        with pytest.raises(UnreadableFile, match=r"a\.npy"):
            read_split(spec, tmp_path, "train", "synthetic")
    write_folder(tmp_path, "ShapeNet", {"a": shape("a", xyz=np.eye(3), rgb=np.eye(3))})
    with pytest.raises(BadCloud, match="differ in their points"):
        read_split(spec, tmp_path, "train", "synthetic")
    write_list(tmp_path, "gpt4_filtering.json", {"a": "N"})
    with pytest.raises(UnreadableFile, match="gpt4_filtering"):
        read_split(spec, tmp_path, "train", "synthetic")


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("packed", [False, True])
def test_a_hostile_shape_runs_nothing(tmp_path: Path, catalog: dict[str, DatasetSpec], packed: bool) -> None:
    content = {"a": shape("a", text=[Hostile(tmp_path / "owned")])}
    if packed:
        write_shard(tmp_path, "ShapeNet.tar.gz", content)
    else:
        write_folder(tmp_path, "ShapeNet", content)
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", listed(["a"], "ShapeNet", "ShapeNet"))
    with pytest.raises(UnreadableFile, match=r"the function .*system") as caught:
        read_split(catalog["openshape_shapenet"], tmp_path, "train", "synthetic")
    assert "a.npy" in str(caught.value) and not (tmp_path / "owned").exists()


def test_damaged_and_oversized_shards_are_named(
    tmp_path: Path, catalog: dict[str, DatasetSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = catalog["openshape_shapenet"]
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", listed(["a", "b"], "ShapeNet", "ShapeNet"))
    path = write_shard(tmp_path, "ShapeNet.tar.gz", {"a": shape("a"), "b": shape("b")})
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no archive", whole[:200] + bytes(50) + whole[250:]):
        path.write_bytes(content)
        with pytest.raises(ConcordError, match=r"ShapeNet\.tar\.gz"):
            read_split(spec, tmp_path, "train", "synthetic")
    path.write_bytes(whole)
    monkeypatch.setattr("concord3d.data.readers.openshape_npy.MAX_SHAPE_BYTES", 100)
    with pytest.raises(UnsafeArchive, match="too large"):
        read_split(spec, tmp_path, "train", "synthetic")


def test_the_archives_are_obtained_and_read_packed(tmp_path: Path, catalog: dict[str, DatasetSpec]) -> None:
    source = tmp_path / "source"
    shard = write_shard(source, "000-000.tar.gz", {"u": shape("u", "Objaverse")}, "000-000/")
    write_list(source, "split/lvis.json", listed(["u"], "Objaverse", "Objaverse/000-000", category="sofa"))
    mirror = tmp_path / "mirror"
    (mirror / "Objaverse").mkdir(parents=True)
    shard.rename(mirror / "Objaverse" / "000-000.tar.gz")
    with zipfile.ZipFile(mirror / "meta_data.zip", "w") as archive:
        archive.write(source / "openshape-training-data/meta_data/split/lvis.json", "meta_data/split/lvis.json")
    real = catalog["openshape_lvis"]
    release = real.releases[0].model_copy(update={"counts": {"test": 1}, "num_points": POINTS})
    spec = real.model_copy(update={"files": real.files[:2], "releases": [release]})
    assert [file.path for file in spec.files] == ["meta_data.zip", "Objaverse/000-000.tar.gz"]
    assert obtain(spec, tmp_path / "raw", [str(mirror)]) == release
    clouds = read_split(spec, tmp_path / "raw", "test", "real")
    assert clouds.class_names == ("sofa",) and clouds.names == ("u",)


def write_meta(root: Path, path: str, content: Any) -> Path:
    target = root / "openshape-training-data" / "meta_data" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(npy(content))
    return target


def test_modelnet40(tmp_path: Path, catalog: dict[str, DatasetSpec]) -> None:
    spec = catalog["openshape_modelnet40"]
    rng = np.random.default_rng(0)
    rows = [{"name": "night_stand_0201", "category": "night stand"}, {"name": "chair_0891", "category": "chair"}]
    clouds = [{"xyz": rng.uniform(-1, 1, (9, 3)), "rgb": np.full((9, 3), 100)} for _ in rows]
    write_list(tmp_path, "modelnet40/test_split.json", rows)
    write_meta(tmp_path, "modelnet40/test_pc.npy", np.array(clouds, dtype=object))
    read = read_split(spec, tmp_path, "test", "synthetic")
    assert [read.class_names[label] for label in read.labels] == ["night_stand", "chair"]
    assert read.names == ("night_stand/night_stand_0201", "chair/chair_0891")
    assert read.colors is not None and (read.colors == 100).all()
    np.testing.assert_allclose(read.points[1], clouds[1]["xyz"], atol=1e-6)
    with pytest.raises(WrongRelease, match="test 2"):
        recognise(spec, tmp_path)
    write_list(tmp_path, "modelnet40/test_split.json", rows[:1])
    with pytest.raises(UnreadableFile, match="2 clouds for 1 shapes"):
        read_split(spec, tmp_path, "test", "synthetic")
    write_list(tmp_path, "modelnet40/test_split.json", [{"name": "a", "category": "spoon"}])
    with pytest.raises(WrongRelease, match="spoon"):
        read_split(spec, tmp_path, "test", "synthetic")
    (tmp_path / "openshape-training-data/meta_data/modelnet40/test_pc.npy").unlink()
    with pytest.raises(DatasetMissing, match="test_pc"):
        recognise(spec, tmp_path)


def test_scanobjectnn(tmp_path: Path, catalog: dict[str, DatasetSpec]) -> None:
    spec = catalog["openshape_scanobjectnn"]
    points = np.random.default_rng(0).normal(size=(3, 8, 3)).astype(np.float32)
    write_meta(tmp_path, "scanobjectnn/xyz_label.npy", {"xyz": points, "label": np.array([0, 14, 4])})
    read = read_split(spec, tmp_path, "test", "synthetic")
    assert [read.class_names[label] for label in read.labels] == ["bag", "toilet", "chair"]
    assert read.colors is not None and (read.colors == 102).all()
    np.testing.assert_array_equal(read.points, points)
    for content in ({"xyz": points}, {"xyz": points, "label": np.array([0.5, 1, 2])}, {"xyz": points[0], "label": [0]}):
        write_meta(tmp_path, "scanobjectnn/xyz_label.npy", content)
        with pytest.raises(UnreadableFile, match="xyz_label"):
            read_split(spec, tmp_path, "test", "synthetic")
    write_meta(tmp_path, "scanobjectnn/xyz_label.npy", {"xyz": points, "label": np.array([0, 15, 4])})
    with pytest.raises(WrongRelease, match="0 to 15"):
        read_split(spec, tmp_path, "test", "synthetic")


def scans(num_shapes: int, num_points: int) -> dict[str, Any]:
    cloud = np.random.default_rng(0).uniform(-1, 1, size=(num_points, 3)).astype(np.float16)
    return {"xyz": np.tile(cloud, (num_shapes, 1, 1)), "label": np.arange(num_shapes) % 15}


@pytest.mark.parametrize(("num_shapes", "release"), [(581, "test shapes"), (2890, "training and test shapes")])
def test_scanobjectnn_has_two_releases(
    tmp_path: Path, catalog: dict[str, DatasetSpec], num_shapes: int, release: str
) -> None:
    spec = catalog["openshape_scanobjectnn"]
    write_meta(tmp_path, "scanobjectnn/xyz_label.npy", scans(num_shapes, 2048))
    assert recognise(spec, tmp_path).name == release
    assert len(read_split(spec, tmp_path, "test", "real")) == num_shapes


@pytest.mark.parametrize("shape", [(580, 2048), (2891, 2048), (2309, 2048), (581, 1024)])
def test_scanobjectnn_of_another_size_is_refused(
    tmp_path: Path, catalog: dict[str, DatasetSpec], shape: tuple[int, int]
) -> None:
    write_meta(tmp_path, "scanobjectnn/xyz_label.npy", scans(*shape))
    for read in (recognise, lambda spec, root: read_split(spec, root, "test", "real")):
        with pytest.raises(WrongRelease, match=r"test 581.*test 2890") as raised:
            read(catalog["openshape_scanobjectnn"], tmp_path)
        assert f"test {shape[0]}; {shape[1]} points" in str(raised.value)


def test_clouds_that_are_large_together_lie_in_a_file(
    tmp_path: Path, catalog: dict[str, DatasetSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "b", "c"]
    write_folder(tmp_path, "ShapeNet", {name: shape(name) for name in names})
    write_list(tmp_path, "split/ablation/train_shapenet_only.json", listed(names, "ShapeNet", "ShapeNet"))
    inside = read_split(catalog["openshape_shapenet"], tmp_path, "train", "synthetic")
    monkeypatch.setattr(storage, "MAPPED_BYTES", 1)
    mapped = read_split(catalog["openshape_shapenet"], tmp_path, "train", "synthetic")
    assert isinstance(mapped.points, np.memmap) and isinstance(mapped.colors, np.memmap)
    for name, clouds in (("inside", inside), ("mapped", mapped)):
        clouds.save(tmp_path / f"{name}.npz")
    assert (tmp_path / "mapped.npz").read_bytes() == (tmp_path / "inside.npz").read_bytes()
