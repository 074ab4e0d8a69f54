"""What tests of readers share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def copy(world: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged, of what the world wrote for the tests of a module (its fixture ``world``)."""
    shutil.copytree(world, tmp_path / "copy")
    return tmp_path / "copy"
