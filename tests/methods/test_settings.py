"""What methods say of themselves: found by name, read without torch, refused with the nearest valid name."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.training.made_up import Restoring, register

from concord3d.config.places import Place
from concord3d.config.validation import Places
from concord3d.errors import ConfigError
from concord3d.methods.interface import Method
from concord3d.methods.settings import PACKAGE, MethodSettings, method_kind, method_names, method_settings


def test_methods_are_found_by_name() -> None:
    assert {"mm_point", "mm_mixing", "supervised", "random_init", "clip", "area_folds"} < set(method_names())
    for name in method_names():
        kind = method_kind(name)
        assert issubclass(kind, MethodSettings) and kind is not MethodSettings
        assert kind.saved and callable(import_module(f"{PACKAGE}.{name}.method").build)
        methods = [
            value for value in vars(import_module(f"{PACKAGE}.{name}.method")).values() if isinstance(value, type)
        ]
        assert sum(issubclass(value, Method) and value is not Method for value in methods) == 1
        assert callable(import_module(f"concord3d.batches.{kind.data}").opened)


@pytest.mark.parametrize(
    ("name", "message"),
    [("mmpoint", "did you mean 'mm_point'"), ("mm_mixng", "did you mean 'mm_mixing'"), ("interface", "Unknown method")],
)
def test_an_unknown_method_is_refused_with_the_nearest_one(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        method_settings(name, {})


@pytest.mark.parametrize(
    ("name", "objective", "message"),
    [
        ("mm_mixing", {"beta": -3}, "'beta'.*greater than 0.*found -3"),
        ("mm_mixing", {"betta": 3}, "unknown key 'betta'; did you mean 'beta'"),
        ("mm_point", {"veiws": 3}, "did you mean 'views'"),
        ("supervised", {"label_smoothing": 1}, "'label_smoothing'.*less than 1"),
        ("random_init", {"views": 2}, "unknown key 'views'"),
        ("clip", {"min_image_to_text_r1": 1}, "missing key 'min_zero_shot_top1'"),
    ],
)
def test_impossible_objectives_are_refused(name: str, objective: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        method_settings(name, objective)


def test_a_problem_is_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "paper.yaml").write_text("objective:\n  stage: dual\n  beta: -3\n")
    place = Place(tmp_path, Path("paper.yaml"), ("objective",))
    with pytest.raises(ConfigError, match=r"(?s)found -3.*paper\.yaml, line 3, objective\.beta"):
        method_settings("mm_mixing", {"beta": -3}, Places(lambda keys: place.below(*keys)))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ({"name": "point_birt"}, "did you mean 'point_bert'"),
        ({"name": "point_bert", "width": 64, "num_heads": 5}, "'num_heads' must divide 'width'"),
        ({"name": "dgcnn", "emb_dim": 8}, "did you mean 'emb_dims'"),
    ],
)
def test_the_encoder_of_a_method_on_objects_is_checked_too(encoder: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        method_kind("mm_point").encoder_modules(encoder)


def test_a_method_for_clouds_refuses_an_encoder_of_sweeps() -> None:
    sweeps = {"name": "mink_unet"}
    for method in ("mm_point", "mm_mixing", "supervised"):
        with pytest.raises(ConfigError, match=r"(?s)another kind of encoder.*encoder\.name.*of clouds.*mink_unet"):
            method_kind(method).encoder_modules(sweeps)
    with pytest.raises(ConfigError, match="dgcnn_partseg"):
        method_kind("part_segmentation").encoder_modules(sweeps)
    assert "concord3d.models.mink_unet" in method_kind("random_init").encoder_modules(sweeps)


def test_modules_that_build_the_encoder_are_named() -> None:
    modules = ("concord3d.models.settings.dgcnn", "concord3d.models.dgcnn")
    assert method_kind("mm_point").encoder_modules({"name": "dgcnn", "k": 3}) == modules
    assert method_kind("clip").encoder_modules({"model": "ViT-B-32"}) == ()
    with pytest.raises(ConfigError, match=r"(?s)unknown key 'modell'; did you mean 'model'"):
        method_kind("clip").encoder_modules({"modell": "ViT-B-32"})


class Own(MethodSettings):
    """Settings of a method that exists in this test alone."""

    saved: ClassVar[tuple[str, ...]] = ("point", "image")
    weight: float = 1.0


def test_a_package_of_its_own_is_all_that_a_method_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, lambda settings, context: Restoring(), Own)
    read = method_settings("made_up", {"weight": 2})
    assert isinstance(read, Own) and read.weight == 2
    with pytest.raises(ConfigError, match="did you mean 'weight'"):
        method_settings("made_up", {"wieght": 2})
    with pytest.raises(ConfigError, match="did you mean 'made_up'"):
        method_settings("made_upp", {})


def test_settings_are_read_without_torch() -> None:
    code = (
        "import sys; from concord3d.methods.settings import method_kind, method_names\n"
        "print(len([method_kind(name) for name in method_names()]),"
        " *({'torch', 'open_clip', 'sklearn', 'open3d'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(len(method_names()))]
