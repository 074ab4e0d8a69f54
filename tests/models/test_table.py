"""The table of encoders, which is read without the libraries that they need."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from concord3d.models.table import ENCODERS
from torch import nn


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_is_where_the_table_says(name: str) -> None:
    module, _, attribute = ENCODERS[name].partition(":")
    assert issubclass(getattr(import_module(module), attribute), nn.Module)


def test_the_table_and_the_plan_are_read_without_torch(repository: Path) -> None:
    code = (
        "import sys, concord3d.models.table, concord3d.workflow.state\n"
        "print(sorted({'torch', 'open3d', 'sklearn'} & sys.modules.keys()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=repository / "src", capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
