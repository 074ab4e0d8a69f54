"""Kill, fill, corrupt and poison a training; the same call afterwards finishes with the same bytes."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.training.interruption import files_of, train_until
from tests.training.tiny_training import NARROW, tiny_points, tiny_task

from concord3d.errors import DiskFull, NonFiniteLoss, OutOfMemory, ResumeMismatch
from concord3d.methods.mm_point import method as mm_point
from concord3d.training.steps import steps_of
from concord3d.training.train import train

SCRIPT = Path(__file__).parents[1] / "training" / "tiny_training.py"
CHANGES = {"training.epochs": 2}


@pytest.fixture(scope="module", autouse=True)
def one_thread_and_narrow_heads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mm_point, "HIDDEN_3D", NARROW)
        yield
    torch.set_num_threads(threads)


def run_script(folder: Path, die_at_read: int = 0, die_with: int = 9) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).resolve().parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(folder), "1", json.dumps(CHANGES), str(die_at_read), str(die_with)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    train(tiny_task(folder, CHANGES))
    return folder / "out"


def assert_same(out: Path, whole: Path) -> None:
    assert len(files_of(whole)) == 4
    assert files_of(out) == files_of(whole)


def test_after_sigkill_the_same_call_finishes_bit_for_bit(tmp_path: Path, whole: Path) -> None:
    assert run_script(tmp_path, die_at_read=7).returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    train(tiny_task(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)
    assert json.loads((tmp_path / "out/run.json").read_text())["resumed_count"] == 1


def test_sigterm_checkpoints_and_exits_with_75(tmp_path: Path, whole: Path) -> None:
    stopped = run_script(tmp_path, die_at_read=5, die_with=signal.SIGTERM)
    assert stopped.returncode == 75
    assert "TrainingInterrupted" in stopped.stderr and "run the same command again" in stopped.stderr
    train(tiny_task(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)


def test_a_corrupt_newest_checkpoint_falls_back_and_is_reported(tmp_path: Path, whole: Path) -> None:
    newest = train_until(tiny_task(tmp_path, CHANGES), 4)[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    train(tiny_task(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["resumed_from"] == [3]
    assert len(record["warnings"]) == 1 and newest.name in record["warnings"][0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_the_older_checkpoint(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, code: int
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
            train(tiny_task(tmp_path, CHANGES))
    left = sorted(path.name for path in (tmp_path / "work").glob("*/*") if path.is_file())
    names = ["ckpt_00000001.pt", "ckpt_00000002.pt"]
    assert left == sorted(names + [name + ".sha256" for name in names])
    train(tiny_task(tmp_path, CHANGES))
    assert_same(tmp_path / "out", whole)


def test_a_limit_on_file_size_is_a_full_disk(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(DiskFull, match="ulimit -f"):
            train(tiny_task(tmp_path, CHANGES))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_step_shapes_and_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poison: float
) -> None:
    original = mm_point.MMPoint.loss
    calls = []

    def poisoned(self: mm_point.MMPoint, *told: object) -> object:
        calls.append(1)
        loss = original(self, *told)
        return loss._replace(total=loss.total * poison) if len(calls) == 3 else loss

    monkeypatch.setattr(mm_point.MMPoint, "loss", poisoned)
    task = tiny_task(tmp_path, CHANGES)
    with pytest.raises(NonFiniteLoss, match=r"at step 3") as caught:
        train(task)
    objects = steps_of(task).units(2).tolist()
    assert str(objects) in str(caught.value)
    assert "ckpt_00000002.pt" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = mm_point.MMPoint.loss

    def poisoned(self: mm_point.MMPoint, *told: object) -> object:
        loss = original(self, *told)
        weight = next(self.point_encoder.parameters())
        # Zero in value, infinite in slope.
        return loss._replace(total=loss.total + torch.sqrt((weight * 0).square().sum()))

    monkeypatch.setattr(mm_point.MMPoint, "loss", poisoned)
    with pytest.raises(NonFiniteLoss, match="gradient norm"):
        train(tiny_task(tmp_path, CHANGES))
    assert not list(tmp_path.glob("work/*/ckpt_*"))


def test_out_of_memory_names_the_batch_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(self: mm_point.MMPoint, *told: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(mm_point.MMPoint, "loss", exhausted)
    with pytest.raises(OutOfMemory, match=r"(?s)Tried to allocate.*lower training\.batch_size \(now 8\)"):
        train(tiny_task(tmp_path, CHANGES))


def test_other_data_under_the_same_configuration_is_refused(tmp_path: Path) -> None:
    train_until(tiny_task(tmp_path, CHANGES), 2)
    with pytest.raises(ResumeMismatch, match="inputs"):
        train(tiny_task(tmp_path, CHANGES, points=tiny_points() * 2))


def test_a_checkpoint_moved_from_another_configuration_is_refused(tmp_path: Path) -> None:
    train_until(tiny_task(tmp_path, CHANGES), 2)
    other = tiny_task(tmp_path, {**CHANGES, "training.batch_size": 4})
    next((tmp_path / "work").iterdir()).rename(tmp_path / "work" / other.config_hash)
    with pytest.raises(ResumeMismatch, match=r"config\.training\.batch_size"):
        train(other)
