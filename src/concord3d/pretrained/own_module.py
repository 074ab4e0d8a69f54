"""Encoders of the user: ``module:function``, where the function returns a ``torch.nn.Module``.

The module maps (B, N, 3) float32 coordinates, or (B, N, 6) with colours from 0 to 1 behind them, to (B, D) features. It
may have these attributes: ``in_channels`` (3 or 6, by default 3), ``num_points`` (N, by default 1,024),
``encode_texts`` (a function from a list of texts to (T, D) features, for zero-shot classification) and
``backbone_features`` (as ``forward``, before a projection).
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from concord3d.errors import ConfigError
from concord3d.features.clouds import cloud_channels
from concord3d.pretrained.encoder import PretrainedEncoder

NUM_POINTS = 1024
_FORM = "module:function, whose function returns a torch.nn.Module"


def load_own_module(name: str, folder: Path | None = None) -> PretrainedEncoder:
    """Return the encoder that a function of the user builds.

    Args:
        name: ``module:function``; the module is importable, or lies in ``folder``.
        folder: Added to the places where modules are looked for; None for the current directory.

    Raises:
        ConfigError: There is no such module or function, it fails, or what it returns is no point encoder.
    """
    module_name, _, function = name.partition(":")
    place = str((folder or Path()).resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        build: Any = import_module(module_name)
        for part in function.split("."):
            build = getattr(build, part)
        module = build()
    except Exception as error:  # whatever the user's own code raises
        found = f"{type(error).__name__}: {error}"
        raise ConfigError("An encoder of yours cannot be built", where=name, expected=_FORM, found=found) from error
    if not isinstance(module, nn.Module):
        raise ConfigError("An encoder of yours is no module", where=name, expected=_FORM, found=type(module).__name__)
    num_points = getattr(module, "num_points", NUM_POINTS)
    _try(module.eval(), name, num_points)
    run = {
        "experiment": name,
        "seed": 0,
        "scale": "own",
        "method": "own",
        "encoder": {"name": name},
        "data": {"num_points": num_points},
    }
    return PretrainedEncoder(name, module, run, f"the function {function} of the module {module_name}")


def _try(module: nn.Module, name: str, num_points: int) -> None:
    """Refuse a module that does not map clouds to features."""
    channels = cloud_channels(module)
    if channels not in (3, 6):
        raise ConfigError("in_channels of your encoder", where=name, expected="3 (xyz) or 6 (xyz, rgb)", found=channels)
    clouds = torch.rand(2, num_points, channels, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            features: Any = module(clouds)
        found = str(tuple(features.shape)) if isinstance(features, torch.Tensor) else type(features).__name__
        fits = isinstance(features, torch.Tensor) and features.ndim == 2 and len(features) == 2
    except Exception as error:  # whatever the user's own code raises
        fits, found = False, f"{type(error).__name__}: {error}"
    if not fits:
        raise ConfigError(
            "An encoder of yours does not map clouds to features",
            where=name,
            expected=f"(2, D) of clouds (2, {num_points}, {channels})",
            found=found,
        )
