"""What every workflow script shares: the log, the check of what the job reads, and the record of what it made."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from concord3d.errors import ConcordError
from concord3d.refusals import named_refusal
from concord3d.workflow.batch import AGAIN, nodes_to_make
from concord3d.workflow.costs import START
from concord3d.workflow.job import NodeJob
from concord3d.workflow.memory import keep_freed_memory


def make_nodes(snakemake: Any, make: Callable[[NodeJob], float | None]) -> None:
    """Make the nodes of a job: the inputs of each are checked, and its record is written if nothing fails.

    Args:
        snakemake: What the workflow gives a script; its parameter ``nodes`` holds one payload per node.
        make: Makes one node; returns the CPU-seconds that went into it before this job, where it goes on from there.
    """
    keep_freed_memory()
    with _logged(Path(snakemake.log[0])):
        logging.info("%s: %.2f CPU-seconds", START, sum(os.times()[:4]))
        for job in nodes_to_make(Path(), snakemake.params.nodes, again=AGAIN in os.environ):
            spent = os.times()
            with job:
                earlier = make(job) or 0.0
            logging.info("%s: %.2f CPU-seconds", job.record, earlier + sum(os.times()[:4]) - sum(spent[:4]))


@contextmanager
def _logged(log: Path) -> Iterator[None]:
    """Send all output to the rule's log, that of compiled libraries too; the console shows the end of it on failure."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8", buffering=1) as stream, redirect_stdout(stream), redirect_stderr(stream):
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=stream, force=True)
        consoles = {number: os.dup(number) for number in (1, 2)}
        for number in consoles:
            os.dup2(stream.fileno(), number)
        try:
            yield
        except BaseException as error:
            traceback.print_exc(file=stream)
            # The end of the log is what the console shows.
            refused = None if isinstance(error, ConcordError) else named_refusal(error)
            if refused is not None:
                print(f"\n{type(refused).__name__}: {refused}", file=stream)
            raise SystemExit(getattr(refused or error, "exit_code", 1)) from error
        finally:
            for number, console in consoles.items():
                os.dup2(console, number)
                os.close(console)
