"""Obtaining a data set from folders and archives, its manifest, its verification and its status."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.orphans import orphan_of

from concord3d.data.catalog import DatasetSpec, FileSpec, load_catalog
from concord3d.data.download import FetchSettings
from concord3d.data.manifest import sampled_digest, verify_files
from concord3d.data.reading import read_split
from concord3d.data.status import dataset_status
from concord3d.data.verify import obtain, verify
from concord3d.errors import (
    ConfigError,
    DatasetCorrupt,
    DatasetMissing,
    DownloadError,
    LicenceGate,
    UnsafeArchive,
    WrongRelease,
)

OFFLINE = FetchSettings(retries=0, timeout_s=1.0)


@pytest.fixture
def spec(repository: Path) -> DatasetSpec:
    """ModelNet40 as the catalogue has it, but of five shapes and with no address."""
    real = load_catalog(repository / "datasets" / "datasets.yaml")["modelnet40"]
    release = real.releases[0].model_copy(update={"name": "tiny", "counts": {"train": 3, "test": 2}, "num_points": 8})
    files = [FileSpec(path="set.zip", archive="zip")]
    return real.model_copy(update={"releases": [release], "files": files})


def gated(spec: DatasetSpec) -> DatasetSpec:
    licence = spec.licence.model_copy(update={"gate": "form", "instructions": "Fill in the form."})
    return spec.model_copy(update={"licence": licence})


def layout(folder: Path, train: int = 3) -> Path:
    target = folder / "modelnet40_ply_hdf5_2048"
    target.mkdir(parents=True)
    rng = np.random.default_rng(5)
    for name, count in (("train", train), ("test", 2)):
        with h5py.File(target / f"ply_data_{name}0.h5", "w") as store:
            store["data"] = rng.uniform(-0.5, 0.5, (count, 8, 3)).astype(np.float32)
            store["label"] = np.arange(count, dtype=np.uint8)[:, None]
        (target / f"{name}_files.txt").write_text(f"data/x/ply_data_{name}0.h5\n")
    return folder


def zipped(folder: Path, source: Path, name: str = "set.zip") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as store:
        for path in sorted(source.rglob("*.*")):
            store.write(path, path.relative_to(source))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith((".lock-", ".obtained"))
    }


@pytest.mark.parametrize("place", ["", "modelnet40"])
def test_an_unpacked_mirror_is_copied_and_recognised(tmp_path: Path, spec, place: str) -> None:
    mirror = layout(tmp_path / "mirror" / place)
    for path in mirror.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert obtain(spec, tmp_path / "raw", [str(tmp_path / "mirror")]).name == "tiny"
    copied = contents(tmp_path / "raw")
    manifest = json.loads(copied.pop("manifest.json"))
    assert copied == contents(mirror)
    assert manifest["release"] == "tiny" and set(manifest["files"]) == set(copied)
    name = "modelnet40_ply_hdf5_2048/ply_data_test0.h5"
    assert manifest["files"][name]["sha256"] == hashlib.sha256(copied[name]).hexdigest()
    assert len(read_split(spec, tmp_path / "raw", "train", "real")) == 3


def test_a_second_call_changes_nothing_and_needs_no_mirror(tmp_path: Path, spec) -> None:
    obtain(spec, tmp_path / "raw", [str(layout(tmp_path / "mirror"))])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "raw").rglob("*") if not path.name.startswith(".")}
    assert obtain(spec, tmp_path / "raw").name == "tiny"
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_two_machines_write_the_same_manifest(tmp_path: Path, spec) -> None:
    mirror = [str(layout(tmp_path / "mirror"))]
    obtain(spec, tmp_path / "a", mirror)
    obtain(spec, tmp_path / "b", mirror)
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()


def test_an_archive_on_a_mirror_is_unpacked_and_its_checksum_pinned(tmp_path: Path, spec) -> None:
    mirror = zipped(tmp_path / "mirror", layout(tmp_path / "source"))
    obtain(spec, tmp_path / "raw", [mirror.as_uri()])
    digest = hashlib.sha256((mirror / "set.zip").read_bytes()).hexdigest()
    pinned = json.loads((tmp_path / "raw/archives/checksums.json").read_text())
    assert pinned["set.zip"]["sha256"] == digest
    (tmp_path / "raw/manifest.json").unlink()
    (tmp_path / "raw/modelnet40_ply_hdf5_2048/ply_data_test0.h5").unlink()
    with (mirror / "set.zip").open("ab") as stream:
        stream.write(b"changed")
    with pytest.raises(DatasetCorrupt, match=digest):
        obtain(spec, tmp_path / "raw", [str(mirror)], settings=OFFLINE)


def test_an_archive_put_there_by_hand_passes_the_licence_gate(tmp_path: Path, spec) -> None:
    with pytest.raises(LicenceGate) as caught:
        obtain(gated(spec), tmp_path / "raw", settings=OFFLINE)
    message = str(caught.value)
    assert "Fill in the form." in message and str(tmp_path / "raw/archives/set.zip") in message
    assert "CONCORD3D_MIRROR" in message and not (tmp_path / "raw/manifest.json").exists()
    zipped(tmp_path / "raw/archives", layout(tmp_path / "source"))
    assert obtain(gated(spec), tmp_path / "raw", settings=OFFLINE).name == "tiny"


def test_addresses_of_a_gated_set_are_used_only_after_consent(tmp_path: Path, spec) -> None:
    server = zipped(tmp_path / "server", layout(tmp_path / "source"))
    file = FileSpec(path="set.zip", urls=((server / "set.zip").as_uri(),), archive="zip")
    with_url = gated(spec).model_copy(update={"files": [file]})
    with pytest.raises(LicenceGate):
        obtain(with_url, tmp_path / "raw", settings=OFFLINE)
    assert obtain(with_url, tmp_path / "raw", accept_licence=True, settings=OFFLINE).name == "tiny"


def test_an_archive_of_another_release_is_refused(tmp_path: Path, spec) -> None:
    mirror = zipped(tmp_path / "mirror", layout(tmp_path / "source", train=4))
    with pytest.raises(WrongRelease, match="train 4"):
        obtain(spec, tmp_path / "raw", [str(mirror)])
    assert not (tmp_path / "raw/manifest.json").exists()
    assert not (tmp_path / "raw/archives/checksums.json").exists(), "the checksum of a wrong file is not pinned"


def test_a_wrong_unpacked_mirror_is_passed_over(tmp_path: Path, spec) -> None:
    wrong, right = layout(tmp_path / "wrong", train=4), layout(tmp_path / "right")
    assert obtain(spec, tmp_path / "raw", [str(wrong), str(right)]).name == "tiny"


def test_a_downloaded_archive_that_cannot_be_unpacked_is_set_aside(tmp_path: Path, spec) -> None:
    archives = zipped(tmp_path / "raw/archives", layout(tmp_path / "source"))
    whole = (archives / "set.zip").read_bytes()
    (archives / "set.zip").write_bytes(whole[:-30])
    with pytest.raises(DatasetCorrupt, match="set aside"):
        obtain(spec, tmp_path / "raw", settings=OFFLINE)
    assert [path.name for path in archives.glob("set.zip*")] == [
        f"set.zip.quarantine-{hashlib.sha256(whole[:-30]).hexdigest()[:8]}"
    ]
    mirror = zipped(tmp_path / "mirror", tmp_path / "source")
    assert obtain(spec, tmp_path / "raw", [str(mirror)]).name == "tiny"


def test_a_hostile_archive_stops_everything(tmp_path: Path, spec) -> None:
    (tmp_path / "mirror").mkdir()
    with zipfile.ZipFile(tmp_path / "mirror/set.zip", "w") as store:
        store.writestr("../evil", "evil")
    with pytest.raises(UnsafeArchive):
        obtain(spec, tmp_path / "raw", [str(tmp_path / "mirror")])
    assert not (tmp_path / "evil").exists()


def test_an_optional_file_may_be_missing(tmp_path: Path, spec) -> None:
    extra = FileSpec(path="extra.tar.gz", archive="tar", optional=True, unpack_to="modelnet40_ply_hdf5_2048/extra")
    with_extra = spec.model_copy(update={"files": [*spec.files, extra]})
    mirror = zipped(tmp_path / "mirror", layout(tmp_path / "source"))
    assert obtain(with_extra, tmp_path / "a", [str(mirror)], settings=OFFLINE).name == "tiny"
    (tmp_path / "note.txt").write_text("note")
    with tarfile.open(mirror / "extra.tar.gz", "w:gz") as store:
        store.add(tmp_path / "note.txt", "note.txt")
    obtain(with_extra, tmp_path / "b", [str(mirror)], settings=OFFLINE)
    assert (tmp_path / "b/modelnet40_ply_hdf5_2048/extra/note.txt").read_text() == "note"


def test_no_mirror_and_no_address_is_a_named_error(tmp_path: Path, spec) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DownloadError, match="No source delivered"):
        obtain(spec, tmp_path / "raw", [str(tmp_path / "empty")], settings=OFFLINE)


def test_a_mirror_that_does_not_exist_is_named(tmp_path: Path, spec) -> None:
    for mirror in (str(tmp_path / "absent"), f"file://{tmp_path}/absent"):
        with pytest.raises(ConfigError, match="A mirror does not exist"):
            obtain(spec, tmp_path / "raw", [mirror], settings=OFFLINE)
        with pytest.raises(ConfigError, match="A mirror does not exist"):
            dataset_status({spec.id: spec}, tmp_path, [mirror])
    mirror = str(layout(tmp_path / "mirror"))
    obtain(spec, tmp_path / "raw", [mirror], settings=OFFLINE)
    assert obtain(spec, tmp_path / "raw", [str(tmp_path / "absent")], settings=OFFLINE), (
        "in place: nothing is asked of it"
    )


def test_what_a_killed_run_left_is_cleared_and_the_same_call_finishes(tmp_path: Path, spec) -> None:
    mirror = [str(layout(tmp_path / "mirror"))]
    half = layout(tmp_path / "raw")
    (half / "modelnet40_ply_hdf5_2048/ply_data_test0.h5").unlink()
    orphan = orphan_of(half / "modelnet40_ply_hdf5_2048" / "unpacked")
    orphan.mkdir()
    (orphan / "junk").write_text("junk")
    assert obtain(spec, half, mirror).name == "tiny"
    assert not orphan.exists()


def test_damage_is_found_by_use_and_mended_by_obtaining(tmp_path: Path, spec) -> None:
    mirror, root = [str(layout(tmp_path / "mirror"))], tmp_path / "raw"
    obtain(spec, root, mirror)
    path = root / "modelnet40_ply_hdf5_2048/ply_data_test0.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetCorrupt, match=r"ply_data_test0\.h5"):
        read_split(spec, root, "test", "real")
    assert obtain(spec, root, mirror).name == "tiny"
    assert len(read_split(spec, root, "test", "real")) == 2


def test_deleting_the_manifest_does_not_launder_damage(tmp_path: Path, spec) -> None:
    mirror, root = [str(layout(tmp_path / "mirror"))], tmp_path / "raw"
    obtain(spec, root, mirror)
    path = root / "modelnet40_ply_hdf5_2048/ply_data_train0.h5"
    intact = path.read_bytes()
    with h5py.File(path, "r+") as store:
        store["data"][0, 0, 0] = 0.25
    (root / "manifest.json").unlink()
    with pytest.raises(DownloadError):
        obtain(spec, root, settings=OFFLINE)
    assert not (root / "manifest.json").exists()
    assert obtain(spec, root, mirror).name == "tiny" and path.read_bytes() == intact
    (root / "manifest.json").unlink()
    assert obtain(spec, root).name == "tiny", "intact files need nothing but a new manifest"


def test_only_the_full_check_sees_a_change_between_the_samples(tmp_path: Path, spec) -> None:
    root = tmp_path / "raw"
    obtain(spec, root, [str(layout(tmp_path / "mirror"))])
    big = root / "modelnet40_ply_hdf5_2048" / "big.bin"
    big.write_bytes(bytes(3_000_000))
    (root / "manifest.json").unlink()
    (root / ".obtained.json").unlink()
    obtain(spec, root)
    before = sampled_digest(big)
    with big.open("r+b") as stream:
        stream.seek(200_000)
        stream.write(b"!")
    assert sampled_digest(big) == before
    verify_files(root)
    with pytest.raises(DatasetCorrupt, match=r"big\.bin"):
        verify(spec, root, full=True)
    big.write_bytes(bytes(2_999_999))
    with pytest.raises(DatasetCorrupt, match="2999999 bytes where 3000000"):
        verify(spec, root)
    with pytest.raises(DatasetMissing):
        verify(spec, tmp_path / "nowhere")


def test_two_runs_at_once_both_finish(tmp_path: Path, spec) -> None:
    mirror, names = [str(zipped(tmp_path / "mirror", layout(tmp_path / "source")))], []
    runs = [
        threading.Thread(target=lambda: names.append(obtain(spec, tmp_path / "raw", mirror).name)) for _ in range(4)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert names == ["tiny"] * 4


def test_status_tells_each_state_with_a_next_step(tmp_path: Path, spec) -> None:
    mirror = [str(layout(tmp_path / "mirror"))]
    names = ("here", "damaged", "deleted", "wrong", "unreadable", "on_mirror", "open", "form")
    catalog = {name: spec.model_copy(update={"id": name}) for name in names}
    catalog["form"] = gated(catalog["form"]).model_copy(update={"folders": ("elsewhere",)})
    catalog["open"] = catalog["open"].model_copy(update={"folders": ("elsewhere",)})
    root = tmp_path / "raw"
    for name in ("here", "damaged", "deleted"):
        obtain(catalog[name], root / name, mirror)
    (root / "damaged/modelnet40_ply_hdf5_2048/ply_data_test0.h5").write_bytes(b"damaged")
    (root / "deleted/modelnet40_ply_hdf5_2048/ply_data_test0.h5").unlink()
    layout(root / "wrong", train=4)
    layout(root / "unreadable")
    (root / "unreadable/modelnet40_ply_hdf5_2048/ply_data_test0.h5").write_bytes(b"damaged")
    before = contents(root)
    rows = {row.id: row for row in dataset_status(catalog, root, mirror)}
    assert list(rows) == list(names)
    assert {name: row.state for name, row in rows.items()} == {
        "here": "present", "damaged": "corrupt", "deleted": "corrupt", "wrong": "wrong_release",
        "unreadable": "corrupt", "on_mirror": "missing", "open": "missing", "form": "missing",
    }  # fmt: skip
    assert rows["here"].next_step == "" and all(row.next_step for name, row in rows.items() if name != "here")
    assert "mirror" in rows["on_mirror"].detail and "Fill in the form." in rows["form"].next_step
    assert "open download" in rows["open"].detail and all("\n" not in row.detail for row in rows.values())
    assert contents(root) == before, "looking changes nothing"
