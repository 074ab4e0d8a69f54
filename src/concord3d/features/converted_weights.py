"""Tensors of a released weights file; a torch file is converted to safetensors once and then read from there."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from concord3d.errors import CheckpointCorrupt
from concord3d.features.weights import read_state
from concord3d.models.weights import read_tensors, save_tensors

_CONTENT_ENTRY = "tensors_sha256"

_log = logging.getLogger(__name__)


def converted_path(store: Path, sha256: str) -> Path:
    """Return where a store keeps the converted form of a file.

    Args:
        store: Folder of converted files.
        sha256: Digest of the file that was released.
    """
    return store / f"{sha256}.safetensors"


def read_released_tensors(path: Path, sha256: str, store: Path | None) -> dict[str, Tensor]:
    """Read named tensors of a released file without running code from it.

    Args:
        path: A safetensors file, or a torch file that holds nothing but tensors.
        sha256: Digest of its bytes.
        store: Where a torch file's converted form is kept; a damaged one is made anew. None converts in memory alone.

    Raises:
        CheckpointCorrupt: The file is damaged, or holds anything but tensors and plain types.
        DiskFull: There is no room for the converted form.
    """
    if path.suffix == ".safetensors" or store is None:
        return read_state(path)[0]
    converted = converted_path(store, sha256)
    kept = _intact(converted)
    if kept is not None:
        return kept
    tensors, _ = read_state(path)
    save_tensors(tensors, converted, {_CONTENT_ENTRY: _digest(tensors)})
    return tensors


def _intact(path: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a converted file whose every value is as it was written, else None."""
    if not path.is_file():
        return None
    try:
        tensors, header = read_tensors(path)
    except CheckpointCorrupt:
        tensors, header = {}, {}
    if header.get(_CONTENT_ENTRY) == _digest(tensors):
        return tensors
    _log.warning("a converted weights file is damaged and will be made again: %s", path)
    return None


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
