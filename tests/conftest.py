"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# No test asserts a time: machines are shared, and imports happen at first use.
settings.register_profile("concord3d", deadline=None)
settings.load_profile("concord3d")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree."""
    return ROOT


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The development data mirror: real data, absent on most machines."""
    folder = Path(os.environ.get("CONCORD3D_MIRROR", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no development data mirror at {folder} (set CONCORD3D_MIRROR)")
    return folder


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Frozen encoders of microseconds, and one thread: equal bits need equal threads."""
    import torch
    from tests.features.fake_encoders import register

    register(monkeypatch)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
