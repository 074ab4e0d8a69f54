"""Fake encoders, and one thread: equal bits need equal threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tests.features.fake_encoders import register


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    register(monkeypatch)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
