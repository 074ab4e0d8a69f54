"""Work of trainings in floating-point operations, and the speeds at which recorded trainings did it.

Work is counted, not guessed: every network of a training runs once on one unit. Speed comes from committed records
(results/<scale>/<paper>/provenance) and from towers that were trained in this clone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from concord3d.errors import ConfigError
from concord3d.files import canonical_json, read_json
from concord3d.layout import Layout
from concord3d.methods.settings import method_settings
from concord3d.models.forward_pass import ForwardPass

# A step is one forward and, at about twice its cost, one backward pass.
FORWARD_AND_BACKWARD = 3
_ANY = Layout("*")
RECORDS = (_ANY.result("*", "provenance", "*.json"), _ANY.tower("*") / "provenance.json")


@dataclass(frozen=True)
class NetworkSize:
    """Operations of one forward pass of one unit (neighbour search not counted), and the number of parameters."""

    flops: float
    num_parameters: int


@dataclass(frozen=True)
class Speed:
    """Measured training speed of a network on a device: operations per second and the largest memory seen."""

    flops_per_s: float
    memory_mb: float
    num_records: int


def network_size(root: Path, forward_pass: ForwardPass) -> NetworkSize:
    """Run a network once on one unit.

    Args:
        root: The repository; configurations of networks are files in it.
        forward_pass: The network.
    """
    return _network_size(root.resolve(), forward_pass.example, canonical_json(dict(forward_pass.arguments)))


@cache
def _network_size(root: Path, example: str, arguments: str) -> NetworkSize:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module, _, function = example.partition(":")
    # As in the jobs of the workflow, paths in a configuration are relative to the repository.
    with chdir(root):
        network, inputs = getattr(import_module(module), function)(**json.loads(arguments))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    return NetworkSize(float(counter.get_total_flops()), sum(part.numel() for part in network.parameters()))


def forward_passes(run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
    """Return the networks of a training, that of its saved modules first.

    Args:
        run: Resolved configuration.

    Raises:
        ConfigError: Its method is unknown, or has settings that are no longer possible.
    """
    return method_settings(str(run["method"]), run["objective"]).forward_passes(run)


def training_flops(root: Path, run: Mapping[str, Any], num_units: int) -> float:
    """Return the floating-point operations of one training.

    Args:
        root: The repository.
        run: Resolved configuration.
        num_units: Units that an epoch goes through.
    """
    per_unit = sum(
        part.times * (FORWARD_AND_BACKWARD if part.is_trained else 1) * network_size(root, part).flops
        for part in forward_passes(run)
    )
    return per_unit * num_units * float(run["training"]["epochs"])


def recorded_speeds(root: Path) -> dict[tuple[str, str], Speed]:
    """Return measured speeds by network and device; records of methods that have changed since are left out."""
    samples: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for path in sorted(file for pattern in RECORDS for file in root.glob(str(pattern))):
        record = read_json(path)
        rates = [value for key, value in record.get("machine", {}).items() if key.endswith("_per_s") and value]
        try:
            passes = forward_passes(record["config"])
            flops = training_flops(root, {**record["config"], "training": {"epochs": 1}}, 1)
        except (KeyError, ConfigError):
            continue
        if rates and passes:
            sample = (flops * rates[0], float(record["peak_memory_mb"]))
            samples.setdefault((passes[0].network, record["device"]), []).append(sample)
    return {
        key: Speed(median(rate for rate, _ in values), max(memory for _, memory in values), len(values))
        for key, values in samples.items()
    }
