"""Lines and the bar of a run, on a terminal or in the plain log of a machine that nobody watches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from concord3d.console.expected import ExpectedRun
from concord3d.console.progress import Progress, duration

# Lines of the log of a failed job.
NUM_LOG_LINES = 20


class Display:
    """What a run shows: a line per finished job and, on a terminal, one bar for the whole.

    Args:
        stream: Where it is written.
        colour: Whether it may use colours.
    """

    def __init__(self, stream: TextIO, colour: bool = True) -> None:
        self._console = Console(file=stream, no_color=not colour or None, highlight=False, markup=False, emoji=False)
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._interrupted = False
        self._said = ""

    def begin(self, run: ExpectedRun) -> None:
        """Show how much there is to do, and the bar."""
        self._progress = Progress(run)
        left = self._progress.time_left(0.0)
        count = f"{len(run.jobs)} job{'s' if len(run.jobs) != 1 else ''}"
        self.say(f"{count}, {run.slots} at a time: {str(left).removesuffix(' left')}")
        if self._console.is_terminal and run.jobs:
            self._live = Live(_Bar(self._progress), console=self._console, refresh_per_second=1, transient=True)
            self._live.start()

    def say(self, text: str, style: str = "") -> None:
        """Show a text above the bar; Snakemake repeats some, which are shown once."""
        if text == self._said:
            return
        self._said = text
        self._console.print(Text(text, style=style), soft_wrap=True)

    def start(self, numbers: Sequence[int], now: float) -> None:
        """Jobs start."""
        if self._progress is not None:
            for number in numbers:
                if number in self._progress.run.jobs:
                    self._progress.start(number, now)

    def finish(self, number: int, now: float) -> None:
        """A job ends: show its line."""
        if self._progress is None or number not in self._progress.run.jobs:
            return
        took = self._progress.finish(number, now)
        left = "" if self._live is not None or self._done() else f"  ({self._progress.time_left(now)})"
        self.say(f"{self._count()} {self._progress.run.jobs[number].title}  {duration(took)}{left}")

    def fail(self, number: int, logs: Sequence[Path], now: float) -> None:
        """A job fails: show the end of its log and what to type next."""
        if self._progress is None or number not in self._progress.run.jobs:
            return
        job, took = self._progress.run.jobs[number], self._progress.fail(number, now)
        if self._interrupted:
            self.say(f"STOPPED {job.title}  after {duration(took)}")
            return
        self.say(f"FAILED {job.title}  after {duration(took)}", "bold red")
        for log in logs:
            lines = _last_lines(log)
            killed = f"{log} is empty: the job was killed, or never began"
            self.say("\n  | ".join([f"The last lines of {log}:", *lines]) if lines else killed)
        self.say(f"Correct the cause; then this goes on where it stopped:\n  {self._progress.run.command}", "bold")

    def interrupt(self) -> None:
        """The user stops the run: jobs end without having failed."""
        self._interrupted = True
        if self._progress is not None:
            self.say(f"Stopping. This goes on where it stopped:\n  {self._progress.run.command}")

    def close(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _done(self) -> bool:
        return self._progress is not None and self._progress.num_done == len(self._progress.run.jobs)

    def _count(self) -> str:
        assert self._progress is not None
        total = len(self._progress.run.jobs)
        return f"[{self._progress.num_done:>{len(str(total))}}/{total}]"


class _Bar:
    """The bar as it is at the time it is drawn."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = time.time()
        row = Table.grid(padding=(0, 1))
        total = len(self._progress.run.jobs)
        bar = ProgressBar(total=1.0, completed=self._progress.share_done(now), width=options.max_width // 4)
        told = f"{self._progress.num_done} of {total} jobs, {self._progress.time_left(now)}"
        row.add_row(bar, Text(told, no_wrap=True, overflow="ellipsis"))
        yield row


def _last_lines(log: Path) -> list[str]:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rstrip().splitlines()[-NUM_LOG_LINES:]
