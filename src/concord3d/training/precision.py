"""The precision that a training has on the device that it runs on."""

from __future__ import annotations

import platform

import torch

from concord3d.training.settings import Precision


def multiplies_bfloat16(device_type: str) -> bool:
    """Return whether a device has matrix products of bfloat16.

    Elsewhere PyTorch computes them too, from float32, but slowly: on a processor without AVX-512, the pooled embedding
    of a DGCNN takes 13 times as long as in float32 (docs/COSTS.md).

    Args:
        device_type: ``cpu`` or ``cuda``.
    """
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Nothing public tells.
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def usable_precision(asked: Precision, device_type: str) -> Precision:
    """Return the precision of a training: the one that is asked for, or float32 where the device lacks its products.

    Args:
        asked: ``training.precision``.
        device_type: ``cpu`` or ``cuda``.
    """
    return asked if asked == "32-true" or multiplies_bfloat16(device_type) else "32-true"
