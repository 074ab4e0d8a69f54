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
    environment_record,
    input_hashes,
    run_provenance,
    write_provenance,
)

COMMIT = ("0" * 40, False)
RUN = {
    "experiment": "mm_point",
    "seed": 3,
    "scale": "small",
    "pretrain": {"dataset": "modelnet40", "data_kind": "real"},
}


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


def test_a_record_has_every_field_and_no_path(tmp_path: Path) -> None:
    clouds = tmp_path / "train.npz"
    clouds.write_bytes(b"clouds")
    machine = {"device": "cpu", "wall_s": 12.5, "peak_memory_mb": 900.0, "clouds_per_s": 20.0}
    record = run_provenance(RUN, {"clouds": clouds}, machine, "snakemake --cores all -- target", COMMIT, "identity")
    assert set(FIELDS) <= set(record)
    assert (record["run"], record["seeds"], record["data_kind"]) == ("mm_point__s3", [3], "real")
    assert (record["wall_s"], record["peak_memory_mb"], record["device"]) == (12.5, 900.0, "cpu")
    assert str(tmp_path) not in json.dumps(record)


def test_records_are_written_from_the_run_file(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"device": "cpu", "wall_s": 1.0})
    write_provenance(tmp_path / "provenance.json", RUN, {}, tmp_path / "run.json", "make", COMMIT, "identity")
    assert read_json(tmp_path / "provenance.json")["wall_s"] == 1.0
    with pytest.raises(UnreadableFile):
        write_provenance(tmp_path / "other.json", RUN, {}, tmp_path / "absent.json", "make", COMMIT, "identity")
    assert not (tmp_path / "other.json").exists()


def test_a_record_names_what_drew_the_pictures_behind_its_inputs(tmp_path: Path) -> None:
    drawn_by = {"renderer": "pytorch3d", "renderer_version": 1, "library": "pytorch3d 0.7.9"}
    write_json(tmp_path / "views.json", {"shards": [], "drawn_by": drawn_by})
    write_json(tmp_path / "texts.json", {"shards": []})
    write_json(tmp_path / "list.json", ["drawn_by"])
    (tmp_path / "clouds.npz").write_bytes(b"clouds")
    inputs = {path.stem: path for path in tmp_path.glob("*.*")}
    record = run_provenance(RUN, inputs, {}, "make", COMMIT, "identity")
    assert record["renderers"] == {"views": drawn_by}
    assert set(record["inputs"]) == {"views", "texts", "list", "clouds"}


def test_reporting_and_provenance_do_without_torch(repository: Path) -> None:
    code = "import sys, concord3d.reporting.report, concord3d.provenance.record; sys.exit('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(repository / "src"), "PATH": "/usr/bin:/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
