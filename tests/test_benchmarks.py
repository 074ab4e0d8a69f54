"""Benchmarks are run by hand; that they can be is checked here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_benchmark_is_collected(repository: Path) -> None:
    command = [sys.executable, "-m", "pytest", "benchmarks", "--collect-only", "-q", "-p", "no:cacheprovider"]
    completed = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert completed.returncode == 0, completed.stdout[-3000:] + completed.stderr[-3000:]
