"""Configurations of aligned towers are checked strictly, and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from concord3d.config.places import Place
from concord3d.config.validation import validate
from concord3d.errors import ConfigError
from concord3d.features.tower_config import AlignedTowerConfig, encoder_checksums, is_aligned
from concord3d.files import read_json, write_json

GOOD: dict[str, Any] = {
    "pictures": {"encoder": "efficientnet_lite0", "image_size": 128},
    "texts": {"encoder": "all_minilm_l6_v2"},
    "projection": {"hidden_width": 64},
}


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {**GOOD, section: {**GOOD[section], **values}}


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


def test_the_line_of_a_json_file_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "tower.json", changed("texts", encoder="minilm"))
    lines = (tmp_path / "tower.json").read_text().splitlines()
    expected = next(number for number, line in enumerate(lines, 1) if "minilm" in line)
    with pytest.raises(ConfigError, match=rf"line {expected}: 'texts.encoder'(?s:.*)where: tower.json"):
        validate(AlignedTowerConfig, read_json(tmp_path / "tower.json"), Place(tmp_path, Path("tower.json")))


def test_the_two_forms_are_told_apart(repository: Path) -> None:
    forms = {path.stem: is_aligned(read_json(path)) for path in (repository / "config" / "towers").glob("*.json")}
    ours = {"concord_small": False, "concord_tiny": False}
    assert forms == {**ours, "lite0_minilm": True, "lite0_minilm_depth": True}
    assert not is_aligned(None) and not is_aligned("ViT-B-32") and not is_aligned({"model_cfg": {}, "pictures": {}})


def test_our_configuration_is_valid_and_its_weights_are_known_by_checksum(repository: Path) -> None:
    content = read_json(repository / "config" / "towers" / "lite0_minilm.json")
    sums = encoder_checksums(validate(AlignedTowerConfig, content, "lite0_minilm.json"))
    assert sums["efficientnet_lite0"]["weights"].startswith("57934424")
    assert set(sums["all_minilm_l6_v2"]) == {"weights", "tokenizer"}
    assert all(len(digest) == 64 for files in sums.values() for digest in files.values())


def test_configurations_are_read_without_torch() -> None:
    code = (
        "import sys, concord3d.features.tower_config, concord3d.methods.aligned.settings; print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
