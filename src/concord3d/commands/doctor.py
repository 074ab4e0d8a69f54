"""``concord3d doctor``: what this machine can do, and the next command for each thing that it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from concord3d.commands.nodes import plan_of
from concord3d.commands.workflow import call, params_of
from concord3d.config.resolve import load_study
from concord3d.errors import ConcordError, ConfigError, DependencyMissing, NotWritable
from concord3d.geometry.ray_casting import install_line
from concord3d.render.choice import PYTORCH3D, choose_renderer, pytorch3d_installed
from concord3d.workflow import state as artifacts
from concord3d.workflow.clone_path import require_usable_path
from concord3d.workflow.writable import require_writable

State = Literal["ok", "note", "problem"]
CONFIGURATION = "Configuration"
COLOURS: dict[State, str] = {"ok": "green", "note": "yellow", "problem": "red"}
MINIMUM_FREE_GB = 5.0


@dataclass(frozen=True)
class Finding:
    """One line of the examination; only a ``problem`` makes it fail."""

    subject: str
    state: State
    detail: str
    next_step: str = ""


def _python(_: Path) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    state: State = "ok" if sys.version_info[:2] == (3, 11) else "problem"
    yield Finding("Python", state, version, "" if state == "ok" else "use Python 3.11 (make setup)")


def _folders(root: Path) -> Iterator[Finding]:
    try:
        require_usable_path(root)
        require_writable(root)
    except (ConfigError, NotWritable) as error:
        yield Finding("Folders", "problem", f"{error.what}: {error.found or error.where}", error.next_step or "")
    else:
        yield Finding("Folders", "ok", "their paths suit every program, and they can be written to")


def _configuration(root: Path) -> Iterator[Finding]:
    try:
        params = params_of(root)
        jobs = sum(len(load_study(root, paper, params.scale, params.seeds).evaluations()) for paper in params.papers)
    except ConcordError as error:
        step = "correct the file named above"
        if not (root / "params.yaml").is_file():
            step = "change into a clone of Concord3D, or name it with --root"
        yield Finding(CONFIGURATION, "problem", str(error), step)
        return
    yield Finding(CONFIGURATION, "ok", f"scale {params.scale}, papers {', '.join(params.papers)}: {jobs} evaluations")


def _import_in_child(module: str) -> str | None:
    """Import a module in a fresh interpreter (a broken extension may abort it); return the error, if any."""
    child = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, text=True, check=False)
    return None if child.returncode == 0 else (child.stderr.strip().splitlines() or ["aborted"])[-1]


def _open3d(_: Path) -> Iterator[Finding]:
    error = _import_in_child("open3d")
    if error is None:
        yield Finding("Open3D (rendering on CPU)", "ok", "imports")
    else:
        step = install_line() if ".so" in error else "make setup, or in the clone: pip install '.[render]'"
        yield Finding("Open3D (rendering on CPU)", "problem", error, step)


def _pytorch3d(root: Path) -> Iterator[Finding]:
    subject = "PyTorch3D (rendering on GPU)"
    try:
        params = params_of(root)
        scale = load_study(root, params.papers[0], params.scale).scale
    except ConcordError:
        return  # _configuration says what is wrong
    choice = choose_renderer(params.renderer, scale.renderer, params.device)
    error = _import_in_child("pytorch3d.structures") if pytorch3d_installed() else "not installed"
    detail = f"{error or 'imports'}; {choice.name} draws the meshes: {choice.reason}"
    if choice.name == PYTORCH3D and error:
        yield Finding(subject, "problem", detail, "snakemake --sdm conda, or renderer: open3d in params.yaml")
    else:
        step = "docs/REPRODUCING.md, PyTorch3D" if error else ""
        yield Finding(subject, "note" if error else "ok", detail, step)


def _gpu(_: Path) -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        yield Finding("GPU", "ok", torch.cuda.get_device_name())
    else:
        yield Finding("GPU", "note", "none; demo needs none, small takes hours, paper is out of reach")


def _bfloat16(_: Path) -> Iterator[Finding]:
    import torch

    from concord3d.training.precision import multiplies_bfloat16

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if multiplies_bfloat16(device):
        yield Finding("bfloat16", "ok", f"{device} has its matrix products")
    else:
        detail = f"{device} has no matrix products of it: trainings with precision bf16-mixed take float32, and longer"
        yield Finding("bfloat16", "note", detail)


def _disk(root: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(root).free / 1e9
    state: State = "ok" if free > MINIMUM_FREE_GB else "problem"
    yield Finding("Disk", state, f"{free:.1f} GB free", "" if state == "ok" else f"free {MINIMUM_FREE_GB} GB")


def _datasets(root: Path) -> Iterator[Finding]:
    from concord3d.commands.data import statuses

    params = params_of(root)
    real = {
        name
        for paper in params.papers
        for study in [load_study(root, paper, params.scale)]
        for name in study.datasets()
        if study.data_kind(name) == "real"
    }
    if not real:
        yield Finding("Data", "ok", f"scale {params.scale} makes all its data itself")
    try:
        rows = statuses(root)
    except ConfigError as error:
        yield Finding("Data", "problem", f"{error.what}: {error.found} ({error.where})", error.next_step or "")
        return
    for row in rows:
        if row.id in real:
            state: State = "ok" if row.state == "present" else "problem"
            yield Finding(f"Data: {row.id}", state, f"{row.state}: {row.detail}", row.next_step)


def _artifacts(root: Path) -> Iterator[Finding]:
    findings = artifacts.State(plan_of(root)).findings()
    wrong = [finding for finding in findings if finding.status != "absent"]
    for finding in wrong[: artifacts.MAX_LISTED]:
        detail = f"{finding.status}: {'; '.join(finding.reasons[:2])}"
        yield Finding(f"Artifact: {finding.node}", "problem", detail, finding.next_step)
    absent = len(findings) - len(wrong)
    if absent:
        yield Finding("Artifacts", "note", f"{absent} nodes of the graph are not made", "snakemake --cores all")
    elif not wrong:
        yield Finding("Artifacts", "ok", "complete, and made of what is asked")


def _workflow_agreement(root: Path) -> Iterator[Finding]:
    try:
        yield from _snakemake_and_dvc(root)
    except DependencyMissing as error:
        yield Finding("Snakemake and DVC", "problem", error.what, error.next_step or "")


def _snakemake_and_dvc(root: Path) -> Iterator[Finding]:
    dry = call(root, "snakemake", "--dry-run", "--quiet", "all", capture=True)
    if dry.returncode:
        yield Finding("Snakemake", "problem", (dry.stderr or dry.stdout).strip()[-500:], "snakemake -n")
    else:
        done = "Nothing to be done" in dry.stdout + dry.stderr
        detail = "nothing to be done" if done else "has work to do"
        yield Finding("Snakemake", "ok" if done else "note", detail, "" if done else "snakemake --cores all")
    if not (root / "dvc.lock").exists():
        yield Finding("DVC", "note", "no dvc.lock: no artifacts are recorded yet", "dvc repro")
        return
    status = call(root, "dvc", "status", "--json", capture=True)
    if status.returncode:
        yield Finding("DVC", "problem", status.stderr.strip()[-500:], "dvc status")
        return
    changed = json.loads(status.stdout or "{}")
    detail = f"differs in: {', '.join(changed)}" if changed else "agrees with dvc.lock"
    yield Finding("DVC", "note" if changed else "ok", detail, "dvc repro (or concord3d hydrate)" if changed else "")


BRIEF: tuple[Callable[[Path], Iterator[Finding]], ...] = (_python, _folders, _configuration, _open3d, _disk)
FULL = (*BRIEF, _pytorch3d, _gpu, _bfloat16, _datasets, _artifacts, _workflow_agreement)
# Checks that read the configuration, and therefore wait until it is right.
READ_CONFIGURATION = (_datasets, _artifacts, _workflow_agreement)


def examine(root: Path, *, brief: bool) -> int:
    """Print the findings and return 1 if one of them is a problem.

    Args:
        root: The repository.
        brief: Only what would stop the default run.
    """
    findings: list[Finding] = []
    for check in BRIEF if brief else FULL:
        misread = any(finding.subject == CONFIGURATION and finding.state == "problem" for finding in findings)
        if not (misread and check in READ_CONFIGURATION):
            findings += check(root)
    table = Table("subject", "state", "detail", "next step")
    for finding in findings:
        table.add_row(
            finding.subject,
            f"[{COLOURS[finding.state]}]{finding.state}[/]",
            escape(finding.detail),
            escape(finding.next_step),
        )
    Console().print(table)
    return int(any(finding.state == "problem" for finding in findings))
