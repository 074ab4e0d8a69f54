"""What every workflow script shares: output goes to the rule's log, progress also to the terminal."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from concord3d.errors import ConcordError


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Send output to ``log`` and progress also to the terminal; a named error ends the job with its message alone."""
    console = sys.stderr
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with Path(log).open("w", encoding="utf-8", buffering=1) as stream, redirect_stdout(stream), redirect_stderr(stream):
        handlers = [logging.StreamHandler(stream), logging.StreamHandler(console)]
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
        try:
            yield
        except ConcordError as error:
            traceback.print_exc(file=stream)
            print(f"\n{type(error).__name__}: {error}", file=console)
            raise SystemExit(getattr(error, "exit_code", 1)) from error
        except BaseException:
            traceback.print_exc(file=stream)
            raise
