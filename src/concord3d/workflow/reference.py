"""The results that a clone came with, which a run overwrites: in git, or in a copy where there is no git."""

from __future__ import annotations

from pathlib import Path

from concord3d.files import write_text
from concord3d.layout import REFERENCE, Layout
from concord3d.provenance.checkout import is_kept_by_git
from concord3d.reporting.specs.output_files import COMPARED, METRICS


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
