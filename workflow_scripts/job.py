"""What every workflow script shares: the log, the check of what the job reads, and the record of what it made."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from concord3d.errors import ConcordError
from concord3d.workflow.job import NodeJob


@contextmanager
def node_job(snakemake: Any) -> Iterator[NodeJob]:
    """Run one node: its inputs are checked, and its record is written if nothing fails.

    Output goes to the rule's log, progress also to the terminal; a named error ends the job with its message alone.
    """
    console, log = sys.stderr, snakemake.log[0]
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with Path(log).open("w", encoding="utf-8", buffering=1) as stream, redirect_stdout(stream), redirect_stderr(stream):
        handlers = [logging.StreamHandler(stream), logging.StreamHandler(console)]
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
        try:
            with NodeJob(Path(), snakemake.params.node, map(Path, snakemake.output)) as job:
                yield job
        except ConcordError as error:
            traceback.print_exc(file=stream)
            print(f"\n{type(error).__name__}: {error}", file=console)
            raise SystemExit(getattr(error, "exit_code", 1)) from error
        except BaseException:
            traceback.print_exc(file=stream)
            raise
