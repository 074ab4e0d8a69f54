"""What every workflow script shares: the log, the check of what the job reads, and the record of what it made."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from concord3d.errors import ConcordError
from concord3d.refusals import named_refusal
from concord3d.workflow.batch import AGAIN, nodes_to_make
from concord3d.workflow.job import NodeJob


def make_nodes(snakemake: Any, make: Callable[[NodeJob], None]) -> None:
    """Make the nodes of a job: the inputs of each are checked, and its record is written if nothing fails.

    Args:
        snakemake: What the workflow gives a script; its parameter ``nodes`` holds one payload per node.
        make: Makes one node.
    """
    with _logged(Path(snakemake.log[0])):
        for job in nodes_to_make(Path(), snakemake.params.nodes, again=AGAIN in os.environ):
            spent = os.times()
            with job:
                make(job)
            logging.info("%s: %.2f CPU-seconds", job.key, sum(os.times()[:4]) - sum(spent[:4]))


@contextmanager
def _logged(log: Path) -> Iterator[None]:
    """Send output to the rule's log, and progress also to the terminal; a named error ends with its message alone."""
    console = sys.stderr
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8", buffering=1) as stream, redirect_stdout(stream), redirect_stderr(stream):
        handlers = [logging.StreamHandler(stream), logging.StreamHandler(console)]
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
        try:
            yield
        except BaseException as error:
            traceback.print_exc(file=stream)
            named = error if isinstance(error, ConcordError) else named_refusal(error)
            if named is None:
                raise
            print(f"\n{type(named).__name__}: {named}", file=console)
            raise SystemExit(getattr(named, "exit_code", 1)) from error
