"""The record beside a run: what made it, from what, on what, and the one command that makes it again.

Records hold wall times and memory, so they are written when a run is made and only copied afterwards.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from concord3d.config.numbers import numbers_of
from concord3d.files import content_hash, read_json, remembered_sha256, write_json
from concord3d.provenance.checkout import UNKNOWN

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "torchvision", "lightning", "lightning-fabric", "open3d-cpu",
            "pytorch3d", "h5py", "trimesh", "pandas", "matplotlib", "snakemake", "dvc")  # fmt: skip
FIELDS = ("command", "config", "config_hash", "data_kind", "device", "environment", "git_commit", "git_dirty",
          "identity", "inputs", "peak_device_memory_mb", "peak_memory_mb", "renderers", "run", "scale", "seeds",
          "wall_s")  # fmt: skip


@cache
def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed, as this process found them first."""
    found = {name: _installed_version(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def environment_record() -> dict[str, Any]:
    """Return versions of Python, platform and packages; no host, user or path."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "num_cpus": os.cpu_count(),
        "packages": installed_versions(PACKAGES),
    }


def input_hashes(paths: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of each input; a folder is hashed over the names and bytes of its files.

    Args:
        paths: Input per name; the names, not the paths, enter the record.
    """
    hashes = {}
    for name, path in sorted(paths.items()):
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            hashes[name] = content_hash({str(file.relative_to(path)): remembered_sha256(file) for file in files})
        else:
            hashes[name] = remembered_sha256(path)
    return hashes


def renderers_of(paths: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Return by which renderer, version of it and library the pictures behind the inputs were drawn.

    Args:
        paths: Input per name; indices of views, and of features of views, carry the entry ``drawn_by``.

    Raises:
        UnreadableFile: An index is absent or damaged.
    """
    found = {}
    for name, path in sorted(paths.items()):
        content = read_json(path) if path.suffix == ".json" else None
        if isinstance(content, dict) and "drawn_by" in content:
            found[name] = content["drawn_by"]
    return found


def run_provenance(
    run_config: Mapping[str, Any],
    inputs: Mapping[str, Path],
    machine: Mapping[str, Any],
    command: str,
    sources: tuple[str, bool | str],
    identity: str,
) -> dict[str, Any]:
    """Return the record of one training run.

    Args:
        run_config: The resolved configuration.
        inputs: Files or folders read, by name.
        machine: The run's ``run.json``: device, wall seconds, memory peaks, throughput, resumptions.
        command: The one command that makes the run again.
        sources: What :func:`~concord3d.provenance.checkout.git_state` said when the run began; the tree may differ now.
        identity: The hash of all that the run is made of: settings, inputs and sources.
    """
    commit, dirty = sources
    pretrain = run_config.get("pretrain") or {}
    return {
        "run": f"{run_config['experiment']}__s{run_config['seed']}",
        "scale": run_config.get("scale"),
        "data_kind": pretrain.get("data_kind"),
        "git_commit": commit,
        "git_dirty": dirty,
        "config": dict(run_config),
        "config_hash": content_hash(numbers_of(run_config)),
        "identity": identity,
        "inputs": input_hashes(inputs),
        "renderers": renderers_of(inputs),
        "environment": environment_record(),
        "device": machine.get("device", UNKNOWN),
        "seeds": [run_config["seed"]],
        "wall_s": machine.get("wall_s"),
        "peak_memory_mb": machine.get("peak_memory_mb"),
        "peak_device_memory_mb": machine.get("peak_device_memory_mb"),
        "machine": dict(machine),
        "command": command,
    }


def write_provenance(
    path: Path,
    run_config: Mapping[str, Any],
    inputs: Mapping[str, Path],
    run_record: Path,
    command: str,
    sources: tuple[str, bool | str],
    identity: str,
) -> None:
    """Write the record of one training run beside its outputs.

    Args:
        path: E.g. ``<training folder>/provenance.json``.
        run_config: The resolved configuration.
        inputs: Files or folders read, by name.
        run_record: The run's ``run.json``.
        command: The one command that makes the run again.
        sources: What :func:`concord3d.provenance.checkout.git_state` said when the run began.
        identity: The hash of all that the run is made of.

    Raises:
        UnreadableFile: ``run_record`` is absent or damaged.
    """
    write_json(path, run_provenance(run_config, inputs, read_json(run_record), command, sources, identity))
