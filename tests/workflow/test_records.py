"""Records of nodes: what they hold, and how deep their files are compared with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.errors import ArtifactDamaged, UnreadableFile
from concord3d.files import sha256_file, write_json
from concord3d.workflow import records
from concord3d.workflow.records import (
    FORMAT,
    Depth,
    content_of,
    damaged_files,
    file_entries,
    indexed_files,
    is_volatile,
    read_record,
    require_intact,
    versions,
    write_record,
)

DEPTHS = get_args(Depth)
RECORD = Path("records/a node.json")
# Longer than the 16 KiB blocks that are read of a very large file, and all of its blocks together.
LARGE = 1 << 19


def flip(path: Path, offset: int) -> None:
    """Change one bit; size and time stay."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two small files and a larger one in a folder."""
    (tmp_path / "made/snapshots").mkdir(parents=True)
    (tmp_path / "made/weights.bin").write_bytes(b"weights")
    (tmp_path / "made/run.json").write_text("{}")
    (tmp_path / "made/snapshots/one.bin").write_bytes(bytes(range(256)) * (LARGE // 256))
    return tmp_path


def recorded(root: Path, *paths: str) -> dict[str, Any]:
    return {"node": "a/node", "files": file_entries(root, map(Path, paths or ("made",)))}


def test_an_entry_holds_size_and_checksum_and_a_folder_stands_for_all_below_it(root: Path) -> None:
    entries = file_entries(root, [Path("made/weights.bin"), Path("made/snapshots"), Path("made/weights.bin")])
    assert list(entries) == ["made/snapshots/one.bin", "made/weights.bin"]
    assert entries["made/weights.bin"] == {"bytes": 7, "sha256": sha256_file(root / "made/weights.bin")}
    with pytest.raises(FileNotFoundError):
        file_entries(root, [Path("made/none.bin")])


def test_only_very_large_files_have_a_sampled_checksum(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "FULL_CHECK_BYTES", LARGE)
    assert not any("sampled" in entry for entry in recorded(root)["files"].values())
    monkeypatch.setattr(records, "FULL_CHECK_BYTES", LARGE - 1)
    sampled = {name for name, entry in recorded(root)["files"].items() if "sampled" in entry}
    assert sampled == {"made/snapshots/one.bin"}


@pytest.mark.parametrize("depth", DEPTHS)
def test_intact_files_are_no_problem(root: Path, depth: Depth) -> None:
    record = recorded(root)
    assert damaged_files(root, record, depth) == []
    require_intact(root, RECORD, record, depth)


@pytest.mark.parametrize("depth", DEPTHS)
def test_absent_and_cut_files_and_other_bytes_are_named(root: Path, depth: Depth) -> None:
    record = recorded(root)
    (root / "made/weights.bin").unlink()
    (root / "made/run.json").write_text("{")
    flip(root / "made/snapshots/one.bin", 5)
    problems = dict(problem.split(": ", 1) for problem in damaged_files(root, record, depth))
    assert problems["made/weights.bin"] == "absent"
    assert problems["made/run.json"] == "1 bytes where 2 are recorded"
    assert problems["made/snapshots/one.bin"].startswith("other bytes of the same size")


def test_quick_compares_only_the_sizes_of_larger_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = recorded(root)
    flip(root / "made/snapshots/one.bin", LARGE // 2)
    monkeypatch.setattr(records, "QUICK_CHECK_BYTES", LARGE)
    assert len(damaged_files(root, record, "quick")) == 1
    monkeypatch.setattr(records, "QUICK_CHECK_BYTES", LARGE - 1)
    assert damaged_files(root, record, "quick") == []
    assert len(damaged_files(root, record, "use")) == len(damaged_files(root, record, "full")) == 1
    flip(root / "made/weights.bin", 0)
    assert [text.split(":")[0] for text in damaged_files(root, record, "quick")] == ["made/weights.bin"]
    (root / "made/snapshots/one.bin").write_bytes(b"")
    assert len(damaged_files(root, record, "quick")) == 2


def test_use_reads_blocks_of_very_large_files_and_full_every_byte(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "FULL_CHECK_BYTES", 1 << 10)
    monkeypatch.setattr(records, "QUICK_CHECK_BYTES", 1 << 10)
    record = recorded(root)
    # Between two of the eight blocks of 16 KiB, of which the first is read in any case.
    flip(root / "made/snapshots/one.bin", 40_000)
    assert damaged_files(root, record, "use") == damaged_files(root, record, "quick") == []
    assert len(damaged_files(root, record, "full")) == 1
    flip(root / "made/snapshots/one.bin", 0)
    assert len(damaged_files(root, record, "use")) == 1
    flip(root / "made/snapshots/one.bin", 0)
    flip(root / "made/snapshots/one.bin", LARGE - 1)
    assert len(damaged_files(root, record, "use")) == 1


@given(data=st.binary(min_size=1, max_size=200), where=st.integers(0), bit=st.integers(0, 7), cut=st.booleans())
def test_any_flipped_bit_and_any_cut_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, where: int, bit: int, cut: bool
) -> None:
    root = tmp_path_factory.getbasetemp()
    (root / "file.bin").write_bytes(data)
    record = recorded(root, "file.bin")
    position = where % len(data)
    flipped = data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
    (root / "file.bin").write_bytes(data[:position] if cut else flipped)
    assert all(len(damaged_files(root, record, depth)) == 1 for depth in DEPTHS)


def test_damage_is_named_with_the_node_and_what_mends_it(root: Path) -> None:
    record = recorded(root)
    for path in sorted((root / "made").rglob("*.*")):
        path.unlink()
    with pytest.raises(ArtifactDamaged) as caught:
        require_intact(root, RECORD, record)
    text = str(caught.value)
    assert "3 of 3 files of node 'a/node' are absent or damaged" in text and "made/weights.bin: absent" in text
    assert f"rm '{RECORD}'" in text and caught.value.where == RECORD


def test_of_many_damaged_files_the_first_five_are_listed(root: Path) -> None:
    for number in range(8):
        (root / f"made/{number}.bin").write_text("x")
    record = recorded(root)
    for number in range(8):
        (root / f"made/{number}.bin").unlink()
    with pytest.raises(ArtifactDamaged, match=r"made/4\.bin: absent\n    and 3 more"):
        require_intact(root, RECORD, record)


@pytest.mark.parametrize(
    "path", ["a/run.json", "a/provenance.json", "results/demo/mm_point/provenance/x.json", "a/x.shipped.run.json"]
)
def test_what_tells_of_one_run_is_no_content(path: str) -> None:
    assert is_volatile(path)
    made = {"weights.bin": {"sha256": "1"}, "train.json": {"sha256": "2"}}
    content = content_of({"files": {**made, path: {"sha256": "3"}}})
    assert content == content_of({"files": made}) == content_of({"files": {**made, path: {"sha256": "4"}}})


@pytest.mark.parametrize("path", ["train.json", "a/runs.json", "a/provenance.jsonl", "provenance_of/x.json"])
def test_everything_else_is_content(path: str) -> None:
    assert not is_volatile(path)
    one, other = ({"files": {path: {"sha256": digest}}} for digest in "12")
    assert content_of(one) != content_of(other)
    assert content_of(one) != content_of({"files": {f"b/{path}": {"sha256": "1"}}})


def test_files_of_one_run_are_still_checked(root: Path) -> None:
    record = recorded(root)
    flip(root / "made/run.json", 0)
    assert len(damaged_files(root, record, "quick")) == 1


def test_a_record_is_read_as_it_was_written(root: Path) -> None:
    record = {**recorded(root), "identity": "1", "ingredients": {}, "inputs": {}, "versions": {}, "accepted": []}
    write_record(root / RECORD, record)
    assert read_record(root / RECORD) == {"format": FORMAT, **record}
    assert read_record(root / "records/none.json") is None


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": 1', "[]", "1", "null", "{}", '{"format": 0}', '{"format": 1}', '{"format": "1"}']
)
def test_a_record_that_is_damaged_or_foreign_is_named_with_what_mends_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a record.json"
    path.write_text(text)
    with pytest.raises(UnreadableFile) as caught:
        read_record(path)
    assert caught.value.where == path and caught.value.next_step and f"rm '{path}'" in caught.value.next_step


def test_a_record_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableFile, match="A record is damaged"):
        read_record(path)


def test_an_index_leads_to_its_shards_and_their_records(tmp_path: Path) -> None:
    index = tmp_path / "views" / "a.json"
    write_json(index, {"store": "../store", "shards": [{"file": "1.npy"}, {"file": "2.npy"}]})
    names = ["1.npy", "1.json", "2.npy", "2.json"]
    assert indexed_files(index) == [tmp_path / "store" / name for name in names]


def test_versions_name_python_and_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PACKAGES", ("numpy", "no-such-package-of-anyone"))
    assert versions().keys() == {"python", "numpy"}
