import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from concord3d.methods import mm_point


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module tiny_training.py beside this file."""
    path = Path(__file__).with_name("tiny_training.py")
    spec = importlib.util.spec_from_file_location("tiny_training", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_training"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def narrow_heads(tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints after every step shall be small."""
    monkeypatch.setattr(mm_point, "HIDDEN_3D", tiny.NARROW)
