"""How the tests end a training in the middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

from concord3d.training.loop import Loop
from concord3d.training.task import TrainingTask
from concord3d.training.train import train


class Crash(Exception):
    """Ends a training in the middle, as a crash would."""


def crash() -> None:
    raise Crash


class ActionAt:
    """A context in which something happens at the beginning of one 0-based step."""

    def __init__(self, step: int, action: Callable[[], None] = crash) -> None:
        self._step, self._action, self._patch = step, action, pytest.MonkeyPatch()

    def __enter__(self) -> None:
        original, own_step, action = Loop._step, self._step, self._action

        def acting(self: Loop, step: int, *rest: object) -> object:
            if step == own_step:
                action()
            return original(self, step, *rest)

        self._patch.setattr(Loop, "_step", acting)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patch.undo()


def train_until(task: TrainingTask, step: int) -> list[Path]:
    """Train until a crash at the beginning of a step; returns the checkpoints left."""
    with ActionAt(step), pytest.raises(Crash):
        train(task)
    assert not task.out_dir.exists()
    return sorted(task.work_dir.glob("*/ckpt_*.pt"))


def files_of(folder: Path) -> dict[str, bytes]:
    """Files of a finished training but its record of the machine, by their place in the folder."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
