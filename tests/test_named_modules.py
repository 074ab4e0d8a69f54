"""Modules that are found by looking into a package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from concord3d.errors import ConfigError
from concord3d.named_modules import load_named, module_names


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "shapes_for_test"
    (folder / "solids").mkdir(parents=True)
    for name in ("__init__", "round", "base", "solids/__init__"):
        (folder / f"{name}.py").write_text(f"NAME = '{name}'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder.name
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        del sys.modules[name]


def test_modules_and_packages_are_found_in_order(package: str) -> None:
    assert module_names(package) == ("base", "round", "solids")


def test_a_module_is_loaded_by_its_name(package: str) -> None:
    assert load_named(package, "shape", "round", "here", ("base",)).NAME == "round"


@pytest.mark.parametrize(("name", "told"), [("rond", "did you mean 'round'"), ("base", "base"), (None, "None")])
def test_other_names_are_refused_with_the_nearest(package: str, name: str | None, told: str) -> None:
    with pytest.raises(
        ConfigError, match=f"Unknown shape(.|\n)*{told}(.|\n)*here: line 3(.|\n)*expected: round, solids"
    ):
        load_named(package, "shape", name, "here: line 3", ("base",))


def test_another_folder_of_the_package_is_looked_into(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "square" not in module_names(package)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "square.py").write_text("NAME = 'square'\n")
    monkeypatch.setattr(sys.modules[package], "__path__", [*sys.modules[package].__path__, str(tmp_path / "more")])
    assert "square" in module_names(package) and load_named(package, "shape", "square", "here").NAME == "square"
