"""Calls of Snakemake and DVC as programs of the environment that this interpreter belongs to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from concord3d.config.models import Params
from concord3d.config.resolve import load_params
from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConcordError, DependencyMissing
from concord3d.workflow.writable import require_writable


def params_of(root: Path, scale: str | None = None) -> Params:
    """Read ``params.yaml``, with the scale replaced if one is given."""
    content = load_yaml(root / "params.yaml")
    return load_params({**content, **({"scale": scale} if scale else {})})


def program(name: str) -> Path:
    """Path of a program installed beside this interpreter.

    Raises:
        DependencyMissing: It is not there.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise DependencyMissing(
            f"The program '{name}' is not installed",
            where=path.parent,
            next_step="make setup, or in the clone: pip install '.[workflow]'; then the command again",
        )
    return path


def call(
    root: Path, name: str, *arguments: str, capture: bool = False, check: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a program in the repository.

    Args:
        root: The repository.
        name: ``snakemake`` or ``dvc``.
        arguments: Its command line.
        capture: Return its output instead of showing it.
        check: Raise when it fails.

    Raises:
        ConcordError: ``check`` is set and the exit code is not zero.
    """
    completed = subprocess.run(
        [str(program(name)), *arguments], cwd=root, text=True, capture_output=capture, check=False
    )
    if check and completed.returncode:
        raise ConcordError(
            f"'{name} {' '.join(arguments)}' failed",
            where=root,
            expected="exit code 0",
            found=f"exit code {completed.returncode}\n{(completed.stderr or completed.stdout or '')[-2000:]}",
        )
    return completed


def run_workflow(root: Path, scale: str | None, *, dry_run: bool) -> int:
    """Run ``snakemake --cores all`` and return its exit code."""
    params_of(root, scale)
    require_writable(root)
    arguments = ["--cores", "all", *(["--dry-run"] if dry_run else [])]
    if scale:
        arguments += ["--config", f"scale={scale}"]
    return call(root, "snakemake", *arguments).returncode
