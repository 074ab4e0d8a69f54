"""Settings of the encoders: one module each, read without the libraries that the encoders need."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from concord3d.config.places import Place
from concord3d.config.validation import Places
from concord3d.errors import ConfigError
from concord3d.models.encoder_settings import PACKAGE, EncoderSettings, encoder_names, encoder_settings

NAMES = encoder_names()


def kind_of(name: str) -> type[EncoderSettings]:
    kind: type[EncoderSettings] = import_module(f"{PACKAGE}.{name}").SETTINGS
    return kind


def builder_of(name: str) -> Any:
    module, _, attribute = kind_of(name).builder.partition(":")
    return getattr(import_module(module), attribute)


def test_there_are_encoders() -> None:
    assert set(NAMES) == {
        "cylindrical_descriptor",
        "dgcnn",
        "dgcnn_partseg",
        "dgcnn_semseg",
        "mink_resnet34",
        "mink_unet",
        "point_bert",
        "point_transformer",
        "pointnet",
        "scene_resnet",
        "voxel_net",
    }


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_those_of_the_builder_with_its_defaults(name: str) -> None:
    assert issubclass(kind_of(name), EncoderSettings) and issubclass(builder_of(name), nn.Module)
    arguments = inspect.signature(builder_of(name)).parameters
    assert {key: argument.default for key, argument in arguments.items()} == kind_of(name)().model_dump()
    assert list(kind_of(name).model_fields) == list(arguments)
    assert encoder_settings({"name": name}) == kind_of(name)()


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_described(name: str) -> None:
    described = inspect.getdoc(kind_of(name)) or ""
    assert all(f"\n    {key}: " in described for key in kind_of(name).model_fields)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "point_birt"}, "Unknown point encoder 'point_birt'; did you mean 'point_bert'"),
        ({"k": 3}, r"(?s)Unknown point encoder.*encoder\.name"),
        ({"name": "point_bert", "num_head": 4}, "unknown key 'num_head'; did you mean 'num_heads'"),
        ({"name": "point_bert", "num_heads": 5, "width": 64}, r"'num_heads' must divide 'width' \(5 heads, width 64\)"),
        ({"name": "mink_resnet34", "voxel_mm": 0.5}, "'voxel_mm'.*found 0.5"),
        ({"name": "dgcnn", "k": "3"}, "'k'.*found '3'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_name(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encoder_settings(section)


def test_problems_are_at_their_places(tmp_path: Path) -> None:
    (tmp_path / "paper.yaml").write_text("encoder:\n  name: dgcn\n  k: 0\n")
    place = Place(tmp_path, Path("paper.yaml"), ("encoder",))
    places = Places(lambda keys: place.below(*keys))
    with pytest.raises(ConfigError, match=r"paper\.yaml, line 2, encoder\.name"):
        encoder_settings({"name": "dgcn", "k": 0}, places)
    with pytest.raises(ConfigError, match=r"paper\.yaml, line 3, encoder\.k"):
        encoder_settings({"name": "dgcnn", "k": 0}, places)


def test_settings_and_the_plan_are_read_without_torch(repository: Path) -> None:
    code = (
        "import sys, concord3d.workflow.state\n"
        "from concord3d.models.encoder_settings import encoder_names, encoder_settings\n"
        "print(len([encoder_settings({'name': name}) for name in encoder_names()]),"
        " *sorted({'torch', 'open3d', 'sklearn', 'spconv'} & sys.modules.keys()),"
        " *sorted(m for m in sys.modules if m.startswith('concord3d.models.') and m.split('.')[2] not in"
        " ('settings', 'encoder_settings', 'forward_pass', 'image_encoder_names', 'scan_encoder_forms')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=repository / "src", capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [str(len(NAMES))]
