"""Protocols by name: found by looking into the package, and what they say of themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from concord3d import protocols
from concord3d.errors import ConfigError
from concord3d.protocols.interface import Protocol
from concord3d.protocols.loading import load_protocol, parse, protocol_names

TOY = """
from concord3d.protocols.interface import FrozenSettings, Protocol

class Settings(FrozenSettings):
    colour: str = "red"

PROTOCOL = Protocol(Settings, lambda job, settings: None)
"""


# What protocols have no default for.
NEEDED = {"open_vocabulary": {"classes": ["chair", "lamp"]}}


@pytest.mark.parametrize("name", protocol_names())
def test_every_protocol_says_what_it_measures_and_documents_its_settings(name: str) -> None:
    protocol, module = load_protocol(name), sys.modules[f"concord3d.protocols.{name}"]
    assert isinstance(protocol, Protocol) and module.__doc__ and len(module.__doc__.splitlines()[0]) > 20
    documented = "".join(kind.__doc__ or "" for kind in protocol.settings.__mro__)
    for key in protocol.settings.model_fields:
        assert f"        {key}: " in documented, key


@pytest.mark.parametrize("name", protocol_names())
def test_settings_survive_plain_json(name: str) -> None:
    settings = parse(name, NEEDED.get(name, {}))
    assert parse(name, settings.model_dump(mode="json")) == settings


def test_what_protocols_are_given_follows_from_their_modules() -> None:
    said = {name: load_protocol(name) for name in protocol_names()}
    assert {name for name, p in said.items() if p.store == "rooms"} == {"semantic_segmentation"}
    of_scans = {name for name, p in said.items() if p.store == "scans"}
    assert of_scans == {
        "instance_matching",
        "temporal_instance_matching",
        "scene_matching",
        "view_ablation",
        "coarse_localisation",
        "two_step_localisation",
    }
    assert all(said[name].needs == ("scan_pictures", "scan_texts", "scan_points") for name in of_scans)
    assert {name: p.needs for name, p in said.items() if p.needs and name not in of_scans} == {
        "zero_shot": ("classes",),
        "open_vocabulary": ("classes",),
        "retrieval": ("images", "texts"),
        "alignment": ("images", "texts"),
        "two_branches": ("pictures",),
        "two_branch_maps": ("pictures",),
    }


def test_a_file_in_the_package_is_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(protocols, "__path__", [*protocols.__path__, str(tmp_path)])
    try:
        assert "toy" in protocol_names() and parse("toy", {"colour": "blue"}).model_dump()["colour"] == "blue"
        with pytest.raises(ConfigError, match="did you mean 'colour'"):
            parse("toy", {"color": "blue"})
    finally:
        sys.modules.pop("concord3d.protocols.toy", None)


def test_a_module_without_a_protocol_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hollow.py").write_text("PROTOCOL = 1")
    monkeypatch.setattr(protocols, "__path__", [*protocols.__path__, str(tmp_path)])
    try:
        with pytest.raises(TypeError, match="hollow"):
            load_protocol("hollow")
    finally:
        sys.modules.pop("concord3d.protocols.hollow", None)


@pytest.mark.parametrize("name", ["interface", "loading", "evaluation", "knn.run", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="Unknown protocol"):
        load_protocol(name)


def test_messages_name_the_place_and_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'zero_shot'(.|\n)*here: protocols"):
        load_protocol("zero_shoot", "here: protocols")
    with pytest.raises(ConfigError, match=r"batch_size(.|\n)*greater than 0(.|\n)*here: settings"):
        parse("classification", {"batch_size": -1}, "here: settings")
