"""Whether a device has the products that a precision asks for."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from concord3d.training import precision
from concord3d.training.precision import multiplies_bfloat16, usable_precision

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(platform.machine() != "x86_64" or not CPUINFO.exists(), reason="flags of x86 processors are read")
def test_an_x86_processor_multiplies_bfloat16_where_its_flags_say_so() -> None:
    line = next(line for line in CPUINFO.read_text().splitlines() if line.startswith("flags"))
    assert multiplies_bfloat16("cpu") == bool({"avx512_bf16", "amx_bf16"}.intersection(line.split()))


def test_emulated_products_of_a_gpu_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert not multiplies_bfloat16("cuda")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_float32_takes_the_place_of_products_that_a_device_lacks(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (True, False):
        monkeypatch.setattr(precision, "multiplies_bfloat16", {device: there}.__getitem__)
        assert usable_precision("bf16-mixed", device) == ("bf16-mixed" if there else "32-true")
        assert usable_precision("32-true", device) == "32-true"
