"""Configurations of towers of pre-trained encoders are checked strictly, and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from concord3d.config.places import Place
from concord3d.config.validation import validate
from concord3d.errors import ConfigError
from concord3d.features.tower_config import (
    AlignedTowerConfig,
    PatchTowerConfig,
    config_kind,
    encoder_checksums,
    has_patch_tokens,
)
from concord3d.files import read_json, write_json

PATCHES: dict[str, Any] = {
    "trunk": {"encoder": "efficientnet_lite0", "image_size": 128},
    "tokens": {"width": 24, "depth": 1, "num_heads": 2, "mlp_width": 48},
    "texts": {"encoder": "all_minilm_l6_v2"},
}
GOOD: dict[str, Any] = {
    "pictures": {"encoder": "efficientnet_lite0", "image_size": 128},
    "texts": {"encoder": "all_minilm_l6_v2"},
    "projection": {"hidden_width": 64},
}


def changed(section: str, content: dict[str, Any] = GOOD, **values: Any) -> dict[str, Any]:
    return {**content, section: {**content[section], **values}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed("pictures", encoder="efficientnet_lite"), "did you mean 'efficientnet_lite0'"),
        (changed("texts", encoder="all_minilm_l6"), "did you mean 'all_minilm_l6_v2'"),
        (changed("texts", encoder="efficientnet_lite0"), "no such sentence encoder"),
        (changed("pictures", image_size=31), "'pictures.image_size'.*32"),
        (changed("pictures", image_size="128"), "'pictures.image_size'"),
        (changed("projection", hidden_widht=3), "unknown key 'projection.hidden_widht'; did you mean 'hidden_width'"),
        (changed("projection", hidden_width=0), "'projection.hidden_width'"),
        ({**GOOD, "picture": {}}, "did you mean 'pictures'"),
        ({"texts": GOOD["texts"]}, "missing key 'pictures'"),
        ([], "."),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_nearest_name(content: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(AlignedTowerConfig, content, "tower.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed("trunk", PATCHES, encoder="efficientnet_lite"), "did you mean 'efficientnet_lite0'"),
        (changed("trunk", PATCHES, image_size=120), "'trunk.image_size'.*16"),
        (changed("trunk", PATCHES, image_size=16), "'trunk.image_size'.*32"),
        (changed("tokens", PATCHES, num_head=2), "unknown key 'tokens.num_head'; did you mean 'num_heads'"),
        (changed("tokens", PATCHES, num_heads=5), "'tokens'.*24 is no multiple of 4 and of 5 heads"),
        (changed("tokens", PATCHES, width=6), "'tokens'.*6 is no multiple of 4"),
        (changed("tokens", PATCHES, depth="2"), "'tokens.depth'"),
        (changed("texts", PATCHES, encoder="minilm"), "no such sentence encoder"),
        ({**PATCHES, "projection": {}}, "unknown key 'projection'"),
        ({"trunk": PATCHES["trunk"], "token": {}, "texts": PATCHES["texts"]}, "did you mean 'tokens'"),
        ({"trunks": {}, "tokens": PATCHES["tokens"], "texts": PATCHES["texts"]}, "did you mean 'trunk'"),
    ],
)
def test_a_wrong_patch_tower_is_refused_with_the_nearest_name(content: Any, message: str) -> None:
    kind = config_kind(content)
    assert kind is PatchTowerConfig
    with pytest.raises(ConfigError, match=message):
        validate(kind, content, "tower.json")


def test_the_line_of_a_json_file_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "tower.json", changed("texts", encoder="minilm"))
    lines = (tmp_path / "tower.json").read_text().splitlines()
    expected = next(number for number, line in enumerate(lines, 1) if "minilm" in line)
    with pytest.raises(ConfigError, match=rf"line {expected}: 'texts.encoder'(?s:.*)where: tower.json"):
        validate(AlignedTowerConfig, read_json(tmp_path / "tower.json"), Place(tmp_path, Path("tower.json")))


def test_the_forms_are_told_apart(repository: Path) -> None:
    kinds = {path.stem: config_kind(read_json(path)) for path in (repository / "config" / "towers").glob("*.json")}
    assert kinds == {
        "concord_small": None,
        "concord_tiny": None,
        "concord_tiny_vit": None,
        "lite0_minilm": AlignedTowerConfig,
        "lite0_minilm_depth": AlignedTowerConfig,
        "lite0_tokens112_minilm": PatchTowerConfig,
        "lite0_tokens96_minilm": PatchTowerConfig,
        "lite0_tokens_minilm": PatchTowerConfig,
    }
    assert config_kind({"model_cfg": {}, "pictures": {}}) is config_kind(None) is config_kind("ViT-B-32") is None


def test_which_towers_have_patch_tokens(repository: Path) -> None:
    contents = {path.stem: read_json(path) for path in (repository / "config" / "towers").glob("*.json")}
    found = {name for name, content in contents.items() if has_patch_tokens(content)}
    assert found == {"concord_tiny_vit", "lite0_tokens112_minilm", "lite0_tokens96_minilm", "lite0_tokens_minilm"}
    assert has_patch_tokens("ViT-B-16"), "open_clip alone knows its models"
    vision = {"layers": 12, "timm_model_name": "vit_base_patch16_224"}
    assert not has_patch_tokens({"model_cfg": {"vision_cfg": vision}})
    assert not has_patch_tokens({"model_cfg": {}}) and not has_patch_tokens({"model_cfg": None})


@pytest.mark.parametrize("name", ["lite0_minilm", "lite0_minilm_depth", "lite0_tokens_minilm"])
def test_our_configurations_are_valid_and_their_weights_are_known_by_checksum(repository: Path, name: str) -> None:
    content = read_json(repository / "config" / "towers" / f"{name}.json")
    kind = config_kind(content)
    assert kind is not None
    sums = encoder_checksums(validate(kind, content, name))
    assert sums["efficientnet_lite0"]["weights"].startswith("57934424")
    assert set(sums["all_minilm_l6_v2"]) == {"weights", "tokenizer"}
    assert all(len(digest) == 64 for files in sums.values() for digest in files.values())


def test_configurations_are_read_without_torch() -> None:
    methods = "concord3d.methods.aligned.settings, concord3d.methods.patch_tower.settings"
    code = f"import sys, concord3d.features.tower_config, {methods}; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
