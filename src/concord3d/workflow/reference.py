"""The results that a clone came with, which a run overwrites: in git, or in a copy where there is no git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from concord3d.files import write_text
from concord3d.layout import PARAMS, REFERENCE, Layout
from concord3d.reporting.specs.output_files import COMPARED, METRICS


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Run git in a repository; None where there is no git program."""
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        return None


def is_kept_by_git(root: Path) -> bool:
    """Whether git knows these files: an archive unpacked inside of another repository does not count."""
    found = git(root, "ls-files", "--error-unmatch", str(PARAMS))
    return found is not None and found.returncode == 0


def made_here(root: Path, scale: str, paper: str) -> bool:
    """Whether a run of this folder made a paper's results; else they came with it."""
    return (root / Layout(scale).record(f"{paper}/report/metrics")).is_file()


def keep_reference(root: Path, scale: str) -> None:
    """Copy what the results of a scale say before a run overwrites them for the first time, where git does not keep it.

    Args:
        root: The repository, or an archive of it.
        scale: The scale that is about to run.
    """
    if is_kept_by_git(root):
        return
    for metrics in sorted((root / Layout(scale).results).glob(f"*/{METRICS}")):
        paper = metrics.parent.name
        kept = root / REFERENCE / scale / paper
        if made_here(root, scale, paper) or (kept / METRICS).is_file():
            continue
        # The numbers, written last, stand for all.
        for name in reversed(COMPARED):
            if (metrics.parent / name).is_file():
                write_text(kept / name, (metrics.parent / name).read_text(encoding="utf-8"))
