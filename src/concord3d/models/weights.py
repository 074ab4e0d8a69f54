"""Weights files: safetensors with string metadata, checked against the module that receives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from concord3d.errors import CheckpointCorrupt
from concord3d.files import atomic_path, canonical_json

_MAX_LISTED = 8
# The writer orders several header entries at random; one entry that holds them all keeps the bytes deterministic.
_METADATA_KEY = "concord3d"


@dataclass(frozen=True)
class LoadReport:
    """What ``load_matching`` did, name by name.

    Args:
        loaded: Names copied into the module.
        skipped: Names of the module that keep their values, with the reason.
        unused: Names of the source that the module does not have.
    """

    loaded: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"loaded {len(self.loaded)} tensors, kept {len(self.skipped)}, left {len(self.unused)} of the source"]
        lines += [f"  loaded {name}" for name in self.loaded]
        lines += [f"  kept   {name}: {reason}" for name, reason in self.skipped]
        lines += [f"  left   {name}" for name in self.unused]
        return "\n".join(lines)


def save_weights(module: nn.Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a module's state as safetensors, complete or not at all; equal state gives equal bytes.

    Args:
        module: Any module without shared tensors.
        path: The file to write.
        metadata: Strings to keep in the header.
    """
    save_tensors(module.state_dict(), path, metadata)


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors as safetensors, complete or not at all.

    Args:
        tensors: Tensors by name; they are copied to the CPU.
        path: The file to write.
        metadata: Strings to keep in the header.
    """
    prepared = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    with atomic_path(path) as temporary:
        save_file(prepared, temporary, metadata={_METADATA_KEY: canonical_json(dict(metadata or {}))})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file.

    Args:
        path: The file.

    Returns:
        Tensors by name on the CPU, and the metadata.

    Raises:
        CheckpointCorrupt: The file is absent, truncated or of another format.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as handle:
            tensors = {name: handle.get_tensor(name) for name in sorted(handle.keys())}
            header = dict(handle.metadata() or {})
            return tensors, json.loads(header[_METADATA_KEY]) if _METADATA_KEY in header else header
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointCorrupt(
            "Cannot read a weights file",
            where=path,
            expected="a complete safetensors file",
            found=error,
            next_step="delete the file and run the command that makes it again",
        ) from error


def size_in(tensors: Mapping[str, Tensor], name: str, path: Path, axis: int = 0) -> int:
    """Return the size of a stored tensor, which tells what the module that it belongs to was built for.

    Args:
        tensors: What was read.
        name: Which tensor.
        path: The file, for the message.
        axis: Which of its axes.

    Raises:
        CheckpointCorrupt: There is no such tensor, or it has fewer axes.
    """
    if name not in tensors or tensors[name].ndim <= axis:
        raise CheckpointCorrupt(
            "Weights do not fit the model",
            where=path,
            expected=f"a tensor {name}",
            found=_shortened(list(tensors)),
            next_step="use the weights of the same module",
        )
    return int(tensors[name].shape[axis])


def load_weights(module: nn.Module, path: Path) -> dict[str, str]:
    """Load weights that must fit a module exactly.

    Args:
        module: Receives the values; untouched if anything does not fit.
        path: A file written by ``save_weights``.

    Returns:
        The metadata of the file.

    Raises:
        CheckpointCorrupt: The file cannot be read, or names, shapes or types differ; both sides are listed.
    """
    tensors, metadata = read_tensors(path)
    state = module.state_dict()
    problems = [f"missing {name} {_describe(state[name])}" for name in sorted(state.keys() - tensors.keys())]
    problems += [f"extra {name} {_describe(tensors[name])}" for name in sorted(tensors.keys() - state.keys())]
    for name in sorted(state.keys() & tensors.keys()):
        if _describe(state[name]) != _describe(tensors[name]):
            problems.append(f"{name} is {_describe(tensors[name])}, the model has {_describe(state[name])}")
    if problems:
        raise CheckpointCorrupt(
            "Weights do not fit the model",
            where=path,
            expected=f"the {len(state)} tensors of {type(module).__name__}",
            found=_shortened(problems),
            next_step="use the weights of the same encoder settings",
        )
    module.load_state_dict(tensors, strict=True)
    return metadata


def load_matching(module: nn.Module, tensors: Mapping[str, Tensor], may_differ: tuple[str, ...] = ()) -> LoadReport:
    """Copy the tensors of another model whose names and shapes match, e.g. from pre-training into a segmentation model.

    Args:
        module: Receives the values; untouched if an error is raised.
        tensors: The source's state.
        may_differ: Prefixes of names that need not be present in the source or may have another shape there
            (a decoder, a first layer for other input channels). Every other name of the module must match.

    Returns:
        The report of loaded, kept and unused names; print it.

    Raises:
        CheckpointCorrupt: A name outside ``may_differ`` is missing or has another shape.
    """
    state = module.state_dict()
    loaded, skipped, problems = {}, [], []
    for name, own in state.items():
        source = tensors.get(name)
        if source is not None and _describe(source) == _describe(own):
            loaded[name] = source
            continue
        reason = "absent" if source is None else f"source is {_describe(source)}, the model has {_describe(own)}"
        skipped.append((name, reason))
        if not name.startswith(may_differ or ("\0",)):
            problems.append(f"{name}: {reason}")
    if problems:
        raise CheckpointCorrupt(
            "Pre-trained weights lack tensors that the model should share",
            expected=f"every name outside {list(may_differ)}",
            found=_shortened(problems),
        )
    with torch.no_grad():
        for name, source in loaded.items():
            state[name].copy_(source)
    unused = tuple(name for name in tensors if name not in state)
    return LoadReport(tuple(loaded), tuple(skipped), unused)


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"


def _shortened(lines: list[str]) -> str:
    more = f"; and {len(lines) - _MAX_LISTED} more" if len(lines) > _MAX_LISTED else ""
    return "; ".join(lines[:_MAX_LISTED]) + more
