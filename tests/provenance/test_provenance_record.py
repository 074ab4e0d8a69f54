"""Records of what made a run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from concord3d.errors import UnreadableFile
from concord3d.files import read_json, write_json
from concord3d.provenance.record import (
    FIELDS,
    UNKNOWN,
    environment_record,
    git_state,
    input_hashes,
    run_provenance,
    write_provenance,
)

RUN = {
    "experiment": "mm_point",
    "seed": 3,
    "scale": "small",
    "pretrain": {"dataset": "modelnet40", "data_kind": "real"},
}


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout with space"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("one")
    (folder / "results").mkdir()
    (folder / "results" / "page").write_text("one")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_commit_and_dirty_flag(checkout: Path) -> None:
    commit, dirty = git_state(checkout)
    assert len(str(commit)) == 40 and dirty is False
    (checkout / "scratch").write_text("not tracked")
    assert git_state(checkout) == (commit, False)
    (checkout / "results" / "page").write_text("two")
    assert git_state(checkout) == (commit, False), "results are written by runs"
    (checkout / "file").write_text("two")
    assert git_state(checkout) == (commit, True)


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path) -> None:
    assert git_state(tmp_path / "nowhere") == (UNKNOWN, UNKNOWN)


def test_without_git_the_commit_is_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(checkout) == (UNKNOWN, UNKNOWN)


def test_environment_names_versions_and_no_host(tmp_path: Path) -> None:
    record = environment_record()
    assert record["packages"]["numpy"] and record["python"].startswith("3.")
    assert socket.gethostname() not in json.dumps(record)


def test_hashes_follow_content_and_names_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "views"
    folder.mkdir()
    (folder / "a").write_text("x")
    (tmp_path / "clouds").write_text("y")
    inputs = {"views": folder, "clouds": tmp_path / "clouds"}
    before = input_hashes(inputs)
    assert input_hashes(inputs) == before and len(before["views"]) == 64
    (folder / "a").rename(folder / "b")
    after = input_hashes(inputs)
    assert after["views"] != before["views"] and after["clouds"] == before["clouds"]


def test_a_record_has_every_field_and_no_path(checkout: Path, tmp_path: Path) -> None:
    clouds = tmp_path / "train.npz"
    clouds.write_bytes(b"clouds")
    machine = {"device": "cpu", "wall_s": 12.5, "peak_memory_mb": 900.0, "clouds_per_s": 20.0}
    record = run_provenance(
        RUN, {"clouds": clouds}, machine, "snakemake --cores all -- target", git_state(checkout), "identity"
    )
    assert set(FIELDS) <= set(record)
    assert (record["run"], record["seeds"], record["data_kind"]) == ("mm_point__s3", [3], "real")
    assert (record["wall_s"], record["peak_memory_mb"], record["device"]) == (12.5, 900.0, "cpu")
    assert str(tmp_path) not in json.dumps(record)


def test_records_are_written_from_the_run_file(checkout: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"device": "cpu", "wall_s": 1.0})
    write_provenance(
        tmp_path / "provenance.json", RUN, {}, tmp_path / "run.json", "make", git_state(checkout), "identity"
    )
    assert read_json(tmp_path / "provenance.json")["wall_s"] == 1.0
    with pytest.raises(UnreadableFile):
        write_provenance(
            tmp_path / "other.json", RUN, {}, tmp_path / "absent.json", "make", git_state(checkout), "identity"
        )
    assert not (tmp_path / "other.json").exists()


def test_a_record_names_what_drew_the_pictures_behind_its_inputs(checkout: Path, tmp_path: Path) -> None:
    drawn_by = {"renderer": "pytorch3d", "renderer_version": 1, "library": "pytorch3d 0.7.9"}
    write_json(tmp_path / "views.json", {"shards": [], "drawn_by": drawn_by})
    write_json(tmp_path / "texts.json", {"shards": []})
    write_json(tmp_path / "list.json", ["drawn_by"])
    (tmp_path / "clouds.npz").write_bytes(b"clouds")
    inputs = {path.stem: path for path in tmp_path.glob("*.*")}
    record = run_provenance(RUN, inputs, {}, "make", git_state(checkout), "identity")
    assert record["renderers"] == {"views": drawn_by}
    assert set(record["inputs"]) == {"views", "texts", "list", "clouds"}


def test_reporting_and_provenance_do_without_torch(repository: Path) -> None:
    code = "import sys, concord3d.reporting.report, concord3d.provenance.record; sys.exit('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(repository / "src"), "PATH": "/usr/bin:/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
