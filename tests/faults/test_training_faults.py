"""Kill, fill, corrupt and poison a training; the same call afterwards finishes with the same bytes."""

import errno
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from concord3d.training.pretrain import pretrain

from concord3d.errors import DiskFull, NonFiniteLoss, ResumeMismatch
from concord3d.methods import mm_point
from concord3d.training import loop as loop_module
from concord3d.training.loop import OutOfMemory

SCRIPT = Path(__file__).parents[1] / "training" / "tiny_training.py"
FILES = ("model.safetensors", "train.json", "snapshots/epoch_0001.safetensors", "snapshots/epoch_0002.safetensors")
CHANGES = {"training.epochs": 2}


@pytest.fixture(scope="module")
def tiny() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("tiny_training_faults", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mm_point, "HIDDEN_3D", module.NARROW)
        yield module
    torch.set_num_threads(threads)


def run_script(folder: Path, die_at_read: int = 0, die_with: int = 9) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).resolve().parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(folder), "1", json.dumps(CHANGES), str(die_at_read), str(die_with)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    pretrain(tiny.tiny_run(folder, CHANGES))
    return folder / "out"


def assert_same(out: Path, whole: Path) -> None:
    for file in FILES:
        assert (out / file).read_bytes() == (whole / file).read_bytes(), file


def test_after_sigkill_the_same_call_finishes_bit_for_bit(tiny: ModuleType, tmp_path: Path, whole: Path) -> None:
    assert run_script(tmp_path, die_at_read=6).returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    pretrain(tiny.tiny_run(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)
    assert json.loads((tmp_path / "out/run.json").read_text())["resumed_count"] == 1


def test_sigterm_checkpoints_and_exits_with_75(tiny: ModuleType, tmp_path: Path, whole: Path) -> None:
    stopped = run_script(tmp_path, die_at_read=4, die_with=signal.SIGTERM)
    assert stopped.returncode == 75
    assert "TrainingInterrupted" in stopped.stderr and "run the same command again" in stopped.stderr
    pretrain(tiny.tiny_run(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int, action: Callable[[], None]) -> None:
    original = loop_module.Loop._step

    def acting(self: loop_module.Loop, number: int, *rest: object) -> object:
        if number == step:
            action()
        return original(self, number, *rest)

    monkeypatch.setattr(loop_module.Loop, "_step", acting)


class Crash(Exception):
    pass


def crash() -> None:
    raise Crash


def interrupted(tiny: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, step: int = 4) -> list[Path]:
    with monkeypatch.context() as patch:
        stop_at(patch, step, crash)
        with pytest.raises(Crash):
            pretrain(tiny.tiny_run(folder, CHANGES))
    return sorted((folder / "work").glob("*/ckpt_*.pt"))


def test_a_corrupt_newest_checkpoint_falls_back_and_is_reported(
    tiny: ModuleType, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = interrupted(tiny, tmp_path, monkeypatch)[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    pretrain(tiny.tiny_run(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["resumed_from"] == [3]
    assert len(record["warnings"]) == 1 and newest.name in record["warnings"][0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_the_older_checkpoint(
    tiny: ModuleType, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with monkeypatch.context() as patch:
        original = Path.write_bytes

        def full(self: Path, content: bytes) -> int:
            if "ckpt_00000003.pt" in self.name:
                original(self, content[: len(content) // 2])
                raise OSError(code, os.strerror(code))
            return original(self, content)

        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(DiskFull, match="free some space"):
            pretrain(tiny.tiny_run(tmp_path, CHANGES))
    left = sorted(path.name for path in (tmp_path / "work").glob("*/*") if path.is_file())
    names = ["ckpt_00000001.pt", "ckpt_00000002.pt"]
    assert left == sorted(names + [name + ".sha256" for name in names])
    pretrain(tiny.tiny_run(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)


def test_a_limit_on_file_size_is_a_full_disk(tiny: ModuleType, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(DiskFull, match="allowed file size"):
            pretrain(tiny.tiny_run(tmp_path, CHANGES))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_step_shapes_and_checkpoint(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poison: float
) -> None:
    original = mm_point.MMPoint.training_loss
    calls = []

    def poisoned(self: mm_point.MMPoint, batch: object) -> object:
        calls.append(1)
        loss = original(self, batch)
        return loss._replace(total=loss.total * poison) if len(calls) == 3 else loss

    monkeypatch.setattr(mm_point.MMPoint, "training_loss", poisoned)
    run = tiny.tiny_run(tmp_path, CHANGES)
    with pytest.raises(NonFiniteLoss, match=r"at step 3") as caught:
        pretrain(run)
    objects = loop_module.make_plan(run).objects(2).tolist()
    assert str(objects) in str(caught.value)
    assert "ckpt_00000002.pt" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = mm_point.MMPoint.training_loss

    def poisoned(self: mm_point.MMPoint, batch: object) -> object:
        loss = original(self, batch)
        weight = next(self.point_encoder.parameters())
        # Zero in value, infinite in slope.
        return loss._replace(total=loss.total + torch.sqrt((weight * 0).square().sum()))

    monkeypatch.setattr(mm_point.MMPoint, "training_loss", poisoned)
    with pytest.raises(NonFiniteLoss, match="gradient norm"):
        pretrain(tiny.tiny_run(tmp_path, CHANGES))
    assert not list(tmp_path.glob("work/*/ckpt_*"))


def test_out_of_memory_names_the_batch_size(tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(self: mm_point.MMPoint, batch: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(mm_point.MMPoint, "training_loss", exhausted)
    with pytest.raises(OutOfMemory, match=r"(?s)Tried to allocate.*lower training\.batch_size \(now 8\)"):
        pretrain(tiny.tiny_run(tmp_path, CHANGES))


def test_other_data_under_the_same_configuration_is_refused(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tiny, tmp_path, monkeypatch, step=2)
    with pytest.raises(ResumeMismatch, match="inputs"):
        pretrain(tiny.tiny_run(tmp_path, CHANGES, points=tiny.tiny_points() * 2))


def test_a_checkpoint_moved_from_another_configuration_is_refused(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tiny, tmp_path, monkeypatch, step=2)
    other = tiny.tiny_run(tmp_path, {**CHANGES, "training.batch_size": 4})
    next((tmp_path / "work").iterdir()).rename(tmp_path / "work" / other.config_hash)
    with pytest.raises(ResumeMismatch, match=r"config\.training\.batch_size"):
        pretrain(other)
