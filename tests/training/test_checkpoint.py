from pathlib import Path

import pytest
import torch
from tests.orphans import orphan_of

from concord3d.errors import CheckpointCorrupt, ResumeMismatch
from concord3d.files import differing_keys
from concord3d.training.checkpoint import checkpoint_path, latest_checkpoint, read_checkpoint, save_checkpoint

IDENTITY = {"config": {"seed": 1, "training": {"epochs": 3}}, "num_devices": 1}


def save(folder: Path, step: int) -> Path:
    return save_checkpoint(folder, step, {"identity": IDENTITY, "weights": torch.full((3,), float(step))})


def test_only_the_newest_two_are_kept_each_with_its_digest(tmp_path: Path) -> None:
    for step in (1, 2, 30, 4000):
        save(tmp_path, step)
    kept = [checkpoint_path(tmp_path, step).name for step in (30, 4000)]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept + [name + ".sha256" for name in kept])
    state, warnings = latest_checkpoint(tmp_path, IDENTITY)
    assert state is not None and state["step"] == 4000 and warnings == []
    assert torch.equal(state["weights"], torch.full((3,), 4000.0))


def test_nothing_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "absent", IDENTITY) == (None, [])


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "no_digest", "other_file"])
def test_a_damaged_newest_checkpoint_is_set_aside(tmp_path: Path, damage: str) -> None:
    save(tmp_path, 1)
    path = save(tmp_path, 2)
    content = path.read_bytes()
    digest = path.with_name(path.name + ".sha256")
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "no_digest":
        digest.unlink()
    else:
        path.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(CheckpointCorrupt):
        read_checkpoint(path)
    state, warnings = latest_checkpoint(tmp_path, IDENTITY)
    assert state is not None and state["step"] == 1
    assert len(warnings) == 1 and path.name in warnings[0]
    assert path.with_name(path.name + ".corrupt").exists() and not path.exists()


def test_all_damaged_means_from_the_start_with_warnings(tmp_path: Path) -> None:
    for step in (1, 2):
        save(tmp_path, step).write_bytes(b"x")
    state, warnings = latest_checkpoint(tmp_path, IDENTITY)
    assert state is None and len(warnings) == 2


def test_another_run_is_refused_and_its_differences_named(tmp_path: Path) -> None:
    save(tmp_path, 1)
    other = {"config": {"seed": 2, "training": {"epochs": 3}}, "num_devices": 4}
    with pytest.raises(ResumeMismatch, match=r"(?s)config\.seed.*num_devices") as caught:
        latest_checkpoint(tmp_path, other)
    assert caught.value.expected == {"config.seed": 2, "num_devices": 4}
    assert caught.value.found == {"config.seed": 1, "num_devices": 1}
    assert checkpoint_path(tmp_path, 1).exists()


def test_differences_include_keys_of_one_side() -> None:
    assert differing_keys({"a": 1, "b": {"c": 2}}, {"b": {"c": 2, "d": 3}}) == {"a": (1, None), "b.d": (None, 3)}


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (marker,))

    path = save_checkpoint(tmp_path, 5, {"identity": IDENTITY, "payload": Payload()})
    with pytest.raises(CheckpointCorrupt):
        read_checkpoint(path)
    assert not marker.exists()


def test_temporary_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    orphan = orphan_of(path)
    orphan.write_bytes(b"half")
    latest_checkpoint(tmp_path, IDENTITY)
    assert not orphan.exists()
