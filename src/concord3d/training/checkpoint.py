"""Checkpoints of a training in progress: complete or absent, checked before use, two kept.

A checkpoint is ``ckpt_<step>.pt`` (plain types and tensors, loaded without unpickling code) with its SHA-256 beside it.
The digest is written first: a checkpoint without one was not written here.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from concord3d.errors import CheckpointCorrupt, ResumeMismatch, TrainingError
from concord3d.files import differing_keys, remove_orphans, write_bytes, write_text

KEPT = 2


class TrainingInterrupted(TrainingError):
    """A signal asked the training to stop; a checkpoint was written, the same command goes on from it.

    Attributes:
        exit_code: EX_TEMPFAIL, which schedulers may take as "run again".
    """

    exit_code = 75


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return where the checkpoint after ``step`` steps lies."""
    return folder / f"ckpt_{step:08d}.pt"


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("ckpt_*.pt"), reverse=True)


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write a checkpoint and remove all but the newest two.

    Args:
        folder: Folder of this run.
        step: Steps done.
        state: Plain types and tensors only.

    Returns:
        The path of the checkpoint.

    Raises:
        DiskFull: There is no room; earlier checkpoints are kept.
    """
    # Serialised in memory, because its digest is written first.
    buffer = io.BytesIO()
    torch.save({"step": step, **state}, buffer)
    content = buffer.getvalue()
    path = checkpoint_path(folder, step)
    try:
        write_text(_digest_path(path), hashlib.sha256(content).hexdigest() + "\n")
        write_bytes(path, content)
    finally:
        if not path.exists():
            _digest_path(path).unlink(missing_ok=True)
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()
        _digest_path(old).unlink(missing_ok=True)
    return path


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read and check one checkpoint.

    Raises:
        CheckpointCorrupt: Its bytes are not those that were written.
    """
    try:
        content = path.read_bytes()
        expected = _digest_path(path).read_text(encoding="utf-8").strip()
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise CheckpointCorrupt(
                "A checkpoint has other bytes than were written", where=path, expected=expected, found=found
            )
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except CheckpointCorrupt:
        raise
    except Exception as error:  # torch raises several unrelated types on damaged archives
        raise CheckpointCorrupt("Cannot read a checkpoint", where=path, found=error) from error
    if not isinstance(state, dict) or "step" not in state:
        raise CheckpointCorrupt("A checkpoint lacks its step", where=path, found=type(state))
    return state


def latest_checkpoint(folder: Path, identity: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the newest usable checkpoint and warnings about those that had to be set aside.

    Temporary files of a killed process are removed.

    Args:
        folder: Folder of this run; need not exist.
        identity: What the run is; must equal the ``identity`` in the checkpoint.

    Returns:
        The state (None without a usable checkpoint) and one warning per corrupt file.

    Raises:
        ResumeMismatch: The newest readable checkpoint belongs to another run; the keys that differ are named.
    """
    remove_orphans(folder)
    warnings = []
    for path in _newest_first(folder):
        try:
            state = read_checkpoint(path)
        except CheckpointCorrupt as error:
            path.rename(path.with_name(path.name + ".corrupt"))
            _digest_path(path).unlink(missing_ok=True)
            warnings.append(f"{path.name} was corrupt and set aside: {error.what}")
            print(f"warning: {warnings[-1]}", file=sys.stderr)
            continue
        differing = differing_keys(state.get("identity", {}), identity)
        if differing:
            raise ResumeMismatch(
                "A checkpoint belongs to another run",
                where=path,
                expected={key: pair[1] for key, pair in differing.items()},
                found={key: pair[0] for key, pair in differing.items()},
                next_step=f"remove {folder} to start afresh, or restore: {', '.join(differing)}",
            )
        return state, warnings
    return None, warnings


@contextmanager
def misfit_named(folder: Path) -> Iterator[None]:
    """Name the error where the state of a checkpoint is taken up.

    Args:
        folder: Holds the checkpoints.

    Raises:
        CheckpointCorrupt: The state does not fit what takes it up.
    """
    try:
        yield
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CheckpointCorrupt(
            "A checkpoint does not fit the model",
            where=folder,
            found=error,
            next_step=f"it was written by another version of the code; remove {folder} to start afresh",
        ) from error
