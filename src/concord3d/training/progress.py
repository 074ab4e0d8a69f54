"""Progress on standard error: a live line on a terminal, else one line of log every ten seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG_EVERY_S = 10.0


class TrainingProgress:
    """Shows step, loss, units per second and time left; use as a context manager.

    Args:
        enabled: False shows nothing.
        first_step: Step at which this process starts.
        num_steps: Steps of the whole run.
        batch_size: Units per step.
        unit: What one unit is called, in the plural.
    """

    def __init__(self, enabled: bool, first_step: int, num_steps: int, batch_size: int, unit: str) -> None:
        self._enabled, self._unit = enabled, unit
        self._first_step, self._num_steps, self._batch_size = first_step, num_steps, batch_size
        self._started = self._last_line = time.monotonic()
        self._bar: Progress | None = None
        if enabled and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("train"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]:.3f}  {task.fields[rate]:.1f} {task.fields[unit]}/s"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(
                "train", total=num_steps, completed=first_step, loss=0.0, rate=0.0, unit=unit
            )

    def __enter__(self) -> TrainingProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def rate(self, step: int) -> float:
        """Return units per second from this process's first step to ``step`` (steps done)."""
        elapsed = time.monotonic() - self._started
        return (step - self._first_step) * self._batch_size / elapsed if elapsed > 0 else 0.0

    def show(self, step: int, loss: float) -> None:
        """Report that ``step`` steps are done with this loss."""
        if not self._enabled:
            return
        rate = self.rate(step)
        if self._bar is not None:
            self._bar.update(self._task, completed=step, loss=loss, rate=rate)
            return
        now = time.monotonic()
        if now - self._last_line >= LOG_EVERY_S or step == self._num_steps:
            self._last_line = now
            left = (self._num_steps - step) * self._batch_size / rate if rate > 0 else 0.0
            line = f"step {step}/{self._num_steps}  loss {loss:.3f}  {rate:.1f} {self._unit}/s  {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)
