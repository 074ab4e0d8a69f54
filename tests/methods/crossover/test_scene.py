"""The alignment of scans: it learns, each switch does what it says, and the saved encoder opens alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.batches.scan_batches import InMemory, object_batch, scene_batch, without_objects
from tests.methods.crossover.small import SCENE_ENCODER, draw, instance_method, saved, scene_method, train
from torch import Tensor

from concord3d.batches.scan_scenes import ScanSceneBatch
from concord3d.errors import ConfigError
from concord3d.losses.masked_symmetric_info_nce import masked_symmetric_info_nce
from concord3d.methods.crossover_scene.method import build
from concord3d.methods.crossover_scene.settings import CrossOverSceneSettings
from concord3d.methods.interface import Context, EarlierTraining
from concord3d.methods.settings import method_settings
from concord3d.models.scan_encoder_forms import FUSED

STILL: dict[str, Any] = {"augment": None}


def vectors(method: Any, batch: ScanSceneBatch) -> dict[str, Tensor]:
    with torch.no_grad():
        return method.eval().encoder(batch)


def without(batch: ScanSceneBatch, name: str) -> ScanSceneBatch:
    """The same scans without one modality."""
    nothing = {
        "image": {"has_pictures": torch.zeros_like(batch.has_pictures), "pictures": torch.zeros_like(batch.pictures)},
        "floorplan": {
            "has_floorplan": torch.zeros_like(batch.has_floorplan),
            "floorplan": torch.zeros_like(batch.floorplan),
        },
        "referral": {
            "has_referral": torch.zeros_like(batch.has_referral),
            "referral": torch.zeros_like(batch.referral),
        },
        "point": {
            "points": [torch.zeros(1, 3) for _ in batch.points],
            "colors": [torch.zeros(1, 3) for _ in batch.colors],
            "has_points": torch.zeros_like(batch.has_points),
        },
        FUSED: {"objects": without_objects(batch.objects, *batch.objects.features)},
    }
    return replace(batch, **nothing[name])


@pytest.mark.parametrize("variant", ["anchor", "all_pairs", "uni_modal"])
def test_a_few_scans_are_learnt_by_heart(tmp_path: Path, variant: str) -> None:
    batch = scene_batch(8, missing=0.0)
    method = scene_method(tmp_path, variant=variant, **STILL)
    before = method.eval().held_out(batch, draw())
    losses = train(method, batch, 40)
    after = method.eval().held_out(batch, draw())
    assert losses[-1] < 0.7 * losses[0]
    assert len(after) == {"anchor": 4, "all_pairs": 10, "uni_modal": 4}[variant]
    # Chance is an eighth.
    assert all(share > 40 for share in after.values()) and sum(after.values()) > sum(before.values())


@pytest.mark.parametrize("name", ["image", "point", "referral", "floorplan", FUSED])
@pytest.mark.parametrize("quirks", [False, True])
def test_a_modality_may_be_missing_everywhere(tmp_path: Path, name: str, quirks: bool) -> None:
    batch = without(scene_batch(missing=0.0), name)
    method = scene_method(
        tmp_path, variant="all_pairs", release_quirks=quirks, learn_temperature=True, learn_term_weights=True
    ).train()
    found = method.loss(batch, draw())
    found.total.backward()
    assert torch.isfinite(found.total) and float(found.total.detach()) > 0
    for pair in method.settings.pairs:
        assert (float(found.terms["-".join(pair)]) == 0) is (name in pair)
    for group in method.parameter_groups():
        for parameter in group.parameters:
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all()
    assert not method.encoder.present(batch)[name].any()
    assert not any(name in shown for shown in method.eval().held_out(batch, draw()))


def test_a_scan_without_points_among_others(tmp_path: Path) -> None:
    batch, method = scene_batch(missing=0.0), scene_method(tmp_path, **STILL)
    single = replace(batch, has_points=torch.tensor([True, False, False, False]))
    # One cloud has no statistics of a batch, but is seen in evaluation.
    assert float(method.train().loss(single, draw()).terms[f"{FUSED}-point"]) == 0
    assert method.eval().encoder.present(single)["point"].tolist() == [True, False, False, False]
    torch.testing.assert_close(vectors(method, single)["point"][0], vectors(method, batch)["point"][0])


def test_vectors_of_a_scan_do_not_depend_on_the_others(tmp_path: Path) -> None:
    batch, method = scene_batch(), scene_method(tmp_path)
    alone = InMemory(batch).read(torch.tensor([2]).numpy(), draw())
    for name, expected in vectors(method, batch).items():
        torch.testing.assert_close(vectors(method, alone)[name], expected[2:3], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(method.encoder.encode(name, batch).detach(), expected)


def test_the_encoder_of_objects_is_frozen_in_evaluation_mode(tmp_path: Path) -> None:
    batch = scene_batch()
    for quirks in (False, True):
        method = scene_method(tmp_path, release_quirks=quirks, **STILL).train()
        before = [parameter.clone() for parameter in method.encoder.instance.parameters()]
        one, other = (method.encoder.encode(FUSED, batch).detach() for _ in range(2))
        assert torch.equal(one, other) is not quirks
        train(method, batch, 2)
        after = method.encoder.instance.parameters()
        assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_the_joint_loss_trains_the_encoder_of_objects(tmp_path: Path) -> None:
    batch = scene_batch()
    method = scene_method(tmp_path, instance_weight=0.5, **STILL)
    before = [parameter.clone() for parameter in method.encoder.instance.parameters()]
    found = method.train().loss(batch, draw())
    assert float(found.terms["objects"]) > 0
    scans = sum(value for name, value in found.terms.items() if name not in ("objects", "scale"))
    assert float(found.total.detach()) == pytest.approx(float(scans + 0.5 * found.terms["objects"]), rel=1e-5)
    train(method, batch, 2)
    changed = [not torch.equal(*pair) for pair in zip(before, method.encoder.instance.parameters(), strict=True)]
    assert all(changed)


def test_missing_scans_are_candidates_in_the_release_alone(tmp_path: Path) -> None:
    batch = scene_batch(6, missing=0.0)
    few = replace(batch, has_referral=torch.tensor([True, True, True, True, False, False]))
    kept = InMemory(few).read(torch.arange(4).numpy(), draw())
    for quirks in (False, True):
        method = scene_method(tmp_path, release_quirks=quirks, **STILL).eval()
        one, other = (float(method.loss(each, draw()).terms[f"{FUSED}-referral"]) for each in (few, kept))
        # Fused vectors of scans without a referral stay candidates either way.
        assert one > other
        found = method.encoder(few)
        present = torch.ones(6, dtype=torch.bool), few.has_referral
        sides = found[FUSED], found["referral"], method.scale()
        assert one == pytest.approx(float(masked_symmetric_info_nce(*sides, *present, keep_missing=quirks).detach()))


@pytest.mark.parametrize("points", ["scene_resnet", "mink_unet"])
def test_colours_are_seen(tmp_path: Path, points: str) -> None:
    batch = scene_batch()
    other = replace(batch, colors=[1 - color for color in batch.colors])
    unet = {
        "name": "mink_unet", "in_channels": 3, "voxels": "cubic", "voxel_mm": 300, "stem_width": 4,
        "down_widths": [4], "down_blocks": [1], "up_widths": [16], "up_blocks": [1],
    }  # fmt: skip
    encoder = SCENE_ENCODER if points == "scene_resnet" else {"name": "scene_encoder", "points": unet}
    method = scene_method(tmp_path, encoder=encoder)
    assert not torch.allclose(vectors(method, batch)["point"], vectors(method, other)["point"], atol=1e-3)


def test_a_floorplan_may_take_the_way_of_frames(tmp_path: Path) -> None:
    batch = scene_batch(missing=0.0)
    for path in ("head", "frames"):
        method = scene_method(tmp_path, floorplan_path=path)
        method.encoder.encode("floorplan", batch).sum().backward()
        assert (method.encoder.frames[0].weight.grad is None) is (path == "head")


def test_the_weights_of_terms_are_one_or_learnt(tmp_path: Path) -> None:
    batch = scene_batch()
    for learnt in (False, True):
        method = scene_method(tmp_path, learn_term_weights=learnt, **STILL)
        found = method.train().loss(batch, draw())
        terms = sum(value for name, value in found.terms.items() if name != "scale")
        assert float(found.total.detach()) == pytest.approx(float(terms), rel=1e-5)
        assert len(method.parameter_groups()) == 1 + learnt
        train(method, batch, 2)
        assert bool((method.term_weights != 0).any()) is learnt


def test_one_modality_alone_is_the_fusion_of_its_objects(tmp_path: Path) -> None:
    batch = scene_batch(missing=0.0)
    method = scene_method(tmp_path, variant="uni_modal")
    assert method.encoder.modalities == ("image", "point", "cad", "referral", FUSED)
    assert not hasattr(method.encoder, "points")
    others = [name for name in batch.objects.features if name != "cad"]
    alone = replace(batch, objects=without_objects(batch.objects, *others))
    torch.testing.assert_close(vectors(method, batch)["cad"], vectors(method, alone)[FUSED])
    with pytest.raises(ConfigError, match="floorplan"):
        method.encoder.encode("floorplan", batch)


def test_a_modality_that_fades_leaves_the_fused_vector_near(tmp_path: Path) -> None:
    batch, method = scene_batch(missing=0.0), scene_method(tmp_path)
    fusion = method.eval().encoder.fusion
    objects, present = method.encoder.instance_vectors(batch.objects), batch.objects.present
    others = {name: part for name, part in objects.items() if name != "cad"}
    without_cad = fusion(others, present)
    torch.testing.assert_close(fusion(objects, {**present, "cad": torch.zeros_like(present["cad"])}), without_cad)
    distances = []
    with torch.no_grad():
        for weight in (1.0, -2.0, -6.0, -12.0):
            fusion.weights[2] = weight
            rest = fusion.modality_weights()[[0, 1, 3]].sum()
            distances.append(float((fusion(objects, present) - fusion(others, present)).norm() / rest))
    assert distances[0] > distances[1] > distances[2] > distances[3] and distances[3] < 1e-3
    torch.testing.assert_close(without_cad.norm(dim=1), torch.ones(4))


def test_the_saved_encoder_opens_alone_and_equal(tmp_path: Path) -> None:
    batch, method = scene_batch(), scene_method(tmp_path, fusion="others", floorplan_path="frames")
    train(method, batch, 2)
    opened = saved(method, "scenes", "crossover_scene", tmp_path).module("scenes").eval()
    assert opened.form == method.encoder.form and opened.form.floorplan_path == "frames"
    with torch.no_grad():
        for name, expected in vectors(method, batch).items():
            assert torch.equal(opened(batch)[name], expected)


def test_objects_of_other_features_are_refused(tmp_path: Path) -> None:
    objects = object_batch()
    narrow = replace(objects, features={**objects.features, "image": objects.features["image"][..., :5]})
    with pytest.raises(ConfigError, match="other features"):
        scene_method(tmp_path, instance_method(InMemory(narrow)))


def test_an_earlier_training_without_an_encoder_of_objects_is_refused(tmp_path: Path) -> None:
    earlier = EarlierTraining({"method": "random_init", "encoder": {}, "objective": {}}, {"point": tmp_path / "p"})
    context = Context(SCENE_ENCODER, {}, InMemory(scene_batch()), needs={"instance": earlier})
    with pytest.raises(ConfigError, match="saved module"):
        build(CrossOverSceneSettings(), context)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"name": "dgcnn"}, "scene_resnet"),
        ({"name": "scene_resnt"}, "scene_resnet"),
        ({"name": "scene_resnet", "widht": 3}, "width"),
        ({"name": "mink_unet"}, "cubic"),
    ],
)
def test_the_encoder_section_is_checked(points: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CrossOverSceneSettings.encoder_modules({"name": "scene_encoder", "points": points})
    modules = CrossOverSceneSettings.encoder_modules(SCENE_ENCODER)
    assert "concord3d.models.scene_resnet" in modules and "concord3d.models.scene_encoder" in modules
    assert CrossOverSceneSettings().roles == ("extractor", "instance")


def test_settings_refuse_what_cannot_be() -> None:
    for objective, message in (
        ({"variant": "allpairs"}, "all_pairs"),
        ({"augment": {"scale": [1.2, 0.8]}}, "lower end"),
        ({"temprature": 1}, "temperature"),
        ({"temperature": 0}, "temperature"),
    ):
        with pytest.raises(ConfigError, match=message):
            method_settings("crossover_scene", objective)
