"""Fake encoders, and one thread, for every test here."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def fake_towers(fakes: None) -> None:
    pass
