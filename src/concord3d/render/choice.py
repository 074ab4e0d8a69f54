"""Which library draws meshes: decided from the configuration and the machine, without importing torch or a renderer."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

AUTO, PYTORCH3D, OPEN3D = "auto", "pytorch3d", "open3d"


@dataclass(frozen=True)
class RendererChoice:
    """The renderer of meshes.

    Attributes:
        name: ``pytorch3d`` or ``open3d``.
        reason: What decided, as the end of a sentence.
    """

    name: str
    reason: str


def choose_renderer(knob: str, of_scale: str = AUTO, device: str = AUTO) -> RendererChoice:
    """Choose the renderer of meshes.

    Args:
        knob: ``renderer`` of ``params.yaml``: a name, which decides, or ``auto``.
        of_scale: ``renderer`` of the scale's file: a name, which takes the place of ``auto``, or ``auto``.
        device: ``device`` of ``params.yaml``; ``cpu`` leaves a GPU unused.

    Returns:
        What was stated, else PyTorch3D where it is installed and has a GPU, else Open3D.
    """
    if knob != AUTO:
        return RendererChoice(knob, "params.yaml or --config states it")
    if of_scale != AUTO:
        return RendererChoice(of_scale, "the scale's file states it")
    if not pytorch3d_installed():
        return RendererChoice(OPEN3D, "PyTorch3D is not installed")
    if device == "cpu":
        return RendererChoice(OPEN3D, "device is cpu")
    if not nvidia_gpu_present():
        return RendererChoice(OPEN3D, "PyTorch3D is installed, but there is no NVIDIA GPU")
    return RendererChoice(PYTORCH3D, "PyTorch3D is installed and there is an NVIDIA GPU")


def pytorch3d_installed() -> bool:
    """Whether this interpreter finds PyTorch3D; it is not imported, so a broken build counts as installed."""
    return importlib.util.find_spec(PYTORCH3D) is not None


def nvidia_gpu_present() -> bool:
    """Whether this machine shows an NVIDIA GPU to this process."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    return bool(_device_files()) or _listed_by_nvidia_smi()


def _device_files() -> list[Path]:
    return [*Path("/dev").glob("nvidia[0-9]*"), *Path("/proc/driver/nvidia/gpus").glob("*")]


def _listed_by_nvidia_smi() -> bool:
    """Ask NVIDIA's own tool: under WSL a GPU has no device file."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        listing = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listing.returncode == 0 and "GPU" in listing.stdout
