"""Memory that a job frees and asks for again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from concord3d.workflow.memory import keep_freed_memory, return_freed_memory

# Pages that the system hands out while tensors of 64 MiB are made and freed, once the heap has grown to what they take,
# and MiB that the process holds besides, then and after it has returned them. A process cannot stop keeping memory.
COUNT = """
import os, resource, sys, torch
from concord3d.workflow.memory import keep_freed_memory, return_freed_memory

def held():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

if sys.argv[1] == "kept":
    assert keep_freed_memory()
start = held()
for _ in range(20):
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
kept = held() - start
return_freed_memory()
print(pages, kept, held() - start)
"""


def glibc() -> tuple[int, ...]:
    name, version = platform.libc_ver()
    return tuple(int(part) for part in version.split(".")) if name == "glibc" else ()


@pytest.mark.skipif(glibc() < (2, 35), reason="another C library than glibc, or an older one")
def test_what_is_kept_is_not_cleared_by_the_system_again() -> None:
    found = {}
    for name in ("by default", "kept"):
        done = subprocess.run([sys.executable, "-c", COUNT, name], capture_output=True, text=True, check=True)
        found[name] = [int(number) for number in done.stdout.split()]
    (given_back, held_by_default, _), (pages, held, held_at_last) = found["by default"], found["kept"]
    assert pages < given_back / 10 and given_back > 100, found
    assert held_by_default < 32 and held >= 64 > 32 > held_at_last, found


def test_without_such_a_c_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False
    return_freed_memory()
