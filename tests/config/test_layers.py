"""What remains of the layers below when an experiment has another method than its paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from concord3d.config.layers import Settings
from concord3d.config.models import SECTIONS
from concord3d.config.places import Place
from concord3d.errors import ConfigError

VALUES: dict[str, dict[str, Any]] = {
    "encoder": {"name": "point_transformer", "width": 8},
    "objective": {"tau": 0.8},
    "data": {"dataset": "modelnet40", "num_points": 16, "view_sets": {}},
    "training": {"epochs": 3},
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "some.yaml").write_text("set: {}\n")
    return Place(tmp_path, Path("some.yaml"))


@pytest.fixture
def settings(place: Place) -> Settings:
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    values |= {section: dict(keys) for section, keys in VALUES.items()}
    places = {f"{section}.{key}": place for section, keys in VALUES.items() for key in keys}
    return Settings(values, places, dict(values["encoder"]), {})


def test_another_method_on_the_same_kind_of_data_keeps_all_but_the_objective(settings: Settings, place: Place) -> None:
    settings.change_method(same_data=True)
    assert settings.values["objective"] == {} and settings.values["data"] == VALUES["data"]
    assert set(settings.places) == {f"{s}.{k}" for s, keys in VALUES.items() for k in keys if s != "objective"}
    settings.apply({"objective.beta": 1, "training.new": 2}, place)
    with pytest.raises(ConfigError, match=r"did you mean 'data\.num_points'"):
        settings.apply({"data.num_point": 3}, place)


def test_another_kind_of_data_keeps_data_set_and_number_of_points_and_may_be_told_keys_of_its_own(
    settings: Settings, place: Place
) -> None:
    settings.change_method(same_data=False)
    kept = {key: VALUES["data"][key] for key in ("dataset", "num_points")}
    assert settings.values["data"] == kept and settings.values["objective"] == {}
    assert settings.values["training"] == VALUES["training"] and settings.values["encoder"] == VALUES["encoder"]
    settings.apply({"data.view_set": "ring12", "data.dataset": "shapenet"}, place)
    assert settings.values["data"] == {**kept, "dataset": "shapenet", "view_set": "ring12"}
    assert {dotted for dotted in settings.places if dotted.startswith("data.")} == {
        "data.dataset",
        "data.num_points",
        "data.view_set",
    }
    with pytest.raises(ConfigError, match="unknown key 'data'"):
        settings.apply({"data": {}}, place)
