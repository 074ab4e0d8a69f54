"""Running what Concord3D does not depend on: the packages of `.venv-parity`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


def run_foreign(repository: Path, script: str, *arguments: Path | str) -> str:
    """Run a script of `tests/parity` in the environment of foreign packages; return what it prints."""
    python = repository / ".venv-parity" / "bin" / "python"
    if not python.exists():
        pytest.skip(".venv-parity is absent: make test-all makes it")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), str(repository / "tests" / "parity" / script), *map(str, arguments)]
    done = subprocess.run(command, env={**environment, "MPLBACKEND": "agg"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
