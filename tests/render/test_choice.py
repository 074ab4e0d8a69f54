"""Which renderer a run takes: what is stated, else what the machine offers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from concord3d.render import choice
from concord3d.render.choice import choose_renderer, nvidia_gpu_present, pytorch3d_installed


def machine(monkeypatch: pytest.MonkeyPatch, *, installed: bool, gpu: bool) -> None:
    monkeypatch.setattr(choice, "pytorch3d_installed", lambda: installed)
    monkeypatch.setattr(choice, "nvidia_gpu_present", lambda: gpu)


@pytest.mark.parametrize(
    ("installed", "gpu", "device", "expected", "reason"),
    [
        (False, False, "auto", "open3d", "not installed"),
        (False, True, "auto", "open3d", "not installed"),
        (True, False, "auto", "open3d", "no NVIDIA GPU"),
        (True, True, "auto", "pytorch3d", "there is an NVIDIA GPU"),
        (True, True, "cuda", "pytorch3d", "there is an NVIDIA GPU"),
        (True, True, "cpu", "open3d", "device is cpu"),
    ],
)
def test_auto_takes_pytorch3d_where_it_has_a_gpu(
    monkeypatch: pytest.MonkeyPatch, installed: bool, gpu: bool, device: str, expected: str, reason: str
) -> None:
    machine(monkeypatch, installed=installed, gpu=gpu)
    chosen = choose_renderer("auto", "auto", device)
    assert chosen.name == expected and reason in chosen.reason


@pytest.mark.parametrize("installed", [True, False])
def test_what_is_stated_wins_over_the_machine(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    machine(monkeypatch, installed=installed, gpu=installed)
    for name in ("open3d", "pytorch3d"):
        assert choose_renderer(name, "auto").name == name
        assert choose_renderer("auto", name).name == name
    assert choose_renderer("open3d", "pytorch3d").name == "open3d", "the knob wins over the scale"


def test_installed_is_what_the_interpreter_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"pytorch3d": ModuleSpec("pytorch3d", None)}
    monkeypatch.setattr(importlib.util, "find_spec", found.get)
    assert pytorch3d_installed()
    found.clear()
    assert not pytorch3d_installed()


def test_a_gpu_shows_by_its_device_or_by_nvidias_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(choice, "_device_files", lambda: [Path("/dev/nvidia0")])
    assert nvidia_gpu_present()
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not nvidia_gpu_present()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(choice, "_device_files", list)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not nvidia_gpu_present()
    tool = tmp_path / "nvidia-smi"
    for answer, expected in (
        ("echo 'GPU 0: a card'", True),
        ("echo 'No devices were found'", False),
        ("exit 9", False),
    ):
        tool.write_text(f"#!/bin/sh\n{answer}\n")
        tool.chmod(0o755)
        assert nvidia_gpu_present() is expected


def test_the_choice_does_without_torch(repository: Path) -> None:
    code = "import sys, concord3d.render.choice, concord3d.render.view_spec; sys.exit('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(repository / "src"), "PATH": "/usr/bin:/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
