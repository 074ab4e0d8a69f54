"""Memory that a job frees and asks for again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from concord3d.workflow.memory import keep_freed_memory

# Pages that the system hands out while tensors of 64 MiB are made and freed, once the heap has grown to what they take.
COUNT = """
import resource, sys, torch
from concord3d.workflow.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(20):
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_what_is_kept_is_not_cleared_by_the_system_again() -> None:
    # Asked in a process of its own: it cannot be taken back.
    kept_here = [sys.executable, "-c", "from concord3d.workflow.memory import *; raise SystemExit(keep_freed_memory())"]
    if subprocess.run(kept_here, check=False).returncode == 0:
        pytest.skip("another C library than glibc, or an older one")
    pages = {}
    for name in ("given back", "kept"):
        done = subprocess.run([sys.executable, "-c", COUNT, name], capture_output=True, text=True, check=True)
        pages[name] = int(done.stdout)
    assert pages["kept"] < pages["given back"] / 10 and pages["given back"] > 100, pages


def test_without_such_a_c_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False
