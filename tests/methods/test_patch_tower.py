"""Training of a patch tower: its losses, its masks, steps that resume exactly, and nothing fitted on the unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.features.fake_encoders import PATCHES, FakeSentences
from tests.features.pattern_objects import LABELS, NAMES, NUM_OBJECTS, Patterns, objects_of
from tests.training.interruption import files_of, train_until
from torch.nn.functional import cross_entropy, normalize

from concord3d.batches.pictures import PictureBatch, PictureData
from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.open_tower import encoder_preprocess, open_tower
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.prompts import class_features
from concord3d.features.text_targets import text_targets
from concord3d.features.tower import TowerSpec
from concord3d.features.unseen_classes import UnseenClasses
from concord3d.methods.interface import saved_module
from concord3d.methods.patch_tower.method import PatchTowerMethod
from concord3d.methods.patch_tower.settings import PatchTowerSettings
from concord3d.methods.settings import method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import new_method, train

HALF_MASKED = {"mask_share": 0.5, "mask_cell": 1}


def task_of(
    folder: Path,
    objective: dict[str, Any] | None = None,
    epochs: int = 2,
    objects: PicturedObjects | None = None,
    seed: int = 5,
) -> TrainingTask:
    run = {
        "method": "patch_tower",
        "encoder": PATCHES,
        "objective": {"min_mean_of_views_top1": None, **(objective or {})},
        "data": {},
        "training": {
            "epochs": epochs, "batch_size": 18, "learning_rate": 3e-3, "checkpoint_every_s": 0, "num_snapshots": 1,
            "threads": 1,
        },
        "seed": seed,
    }  # fmt: skip
    data = PictureData(Pairs([objects or objects_of()], encoder_preprocess(PATCHES)))
    return TrainingTask(run, data, folder / "work", folder / "out", device="cpu", progress=False)


def method_of(task: TrainingTask) -> PatchTowerMethod:
    method = new_method(task)
    assert isinstance(method, PatchTowerMethod)
    return method


def batch_of(task: TrainingTask, count: int = 9) -> PictureBatch:
    return task.data.read(task.training_index()[:count], torch.Generator().manual_seed(0))


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "out" / f"{name}.json").read_text())
    return content


def measures(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    return {(measure["metric"], measure["view_set"]): measure for measure in read(folder, "gate")["measures"]}


pytestmark = pytest.mark.usefixtures("fakes")


def test_a_training_leaves_a_tower_that_opens_and_knows_its_classes(tmp_path: Path) -> None:
    task = task_of(tmp_path, HALF_MASKED, epochs=60)
    train(task)
    weights = TrainingFolder(tmp_path / "out").weights("pictures")
    (tmp_path / "tower.json").write_text(json.dumps(PATCHES))
    tower = open_tower(TowerSpec(str(tmp_path / "tower.json"), str(weights)), "cpu")
    assert tower.identity == read(tmp_path, "tower")["identity"]
    module = saved_module(task.run, "pictures", weights)
    assert all(torch.equal(value, load_file(weights)[name]) for name, value in module.state_dict().items())
    found = measures(tmp_path)
    assert found["zero_shot_top1_mean_of_views", "all"]["value"] >= 80
    masked, whole = found["zero_shot_top1_masked", "all"], found["zero_shot_top1", "all"]
    assert 100 / 6 < masked["value"] < whole["value"] and masked["n_items"] == whole["n_items"] == 18
    facts = read(tmp_path, "tower")
    assert (facts["num_fitted"], facts["num_views"], facts["unseen_classes"]) == (54, 3, [])
    assert [one["encoder"] for one in read(tmp_path, "gate")["pretrained"]] == ["fake_pictures", "fake_sentences"]
    assert read(tmp_path, "train")["history"][0]["held_out"]["num_texts"] == 6


@pytest.mark.parametrize("objective", [{}, {"trunk_rate": 0.3}])
def test_the_loss_is_that_of_pictures_classes_and_centred_texts(tmp_path: Path, objective: dict[str, Any]) -> None:
    told = {"temperature": 0.5, "label_smoothing": 0.12, "class_weight": 0.7, "contrast_weight": 0.4, "dropout": 0}
    task = task_of(tmp_path, {**told, **objective})
    method, batch = method_of(task), batch_of(task)
    units = task.training_index()
    fitted = text_targets(FakeSentences(""), method._pairs, units, 0.5)
    mean = torch.from_numpy(fitted).double().mean(0).float()
    torch.testing.assert_close(method.encoder.text_mean, mean)

    class Centred(FakeSentences):
        def encode_texts(self, texts: Any) -> Any:
            return super().encode_texts(texts) - mean.numpy()

    pixels = (batch.pixels - 0.498) / 0.502
    pictures = normalize(method.encoder(pixels).pooled)
    classes = normalize(torch.from_numpy(class_features(Centred(""), NAMES)))
    smooth = torch.full((9, 6), 0.12 / 5)
    smooth[torch.arange(9), torch.from_numpy(LABELS[batch.units.numpy()])] = 0.88
    by_class = cross_entropy(2 * pictures @ classes.T, smooth)
    logits = 2 * pictures @ normalize(torch.from_numpy(fitted[:9]) - mean).T
    contrast = (cross_entropy(logits, torch.arange(9)) + cross_entropy(logits.T, torch.arange(9))) / 2
    found = method.loss(batch, draw())
    assert found.total.item() == pytest.approx((0.7 * by_class + 0.4 * contrast).item(), rel=1e-4)
    assert {name: value.item() for name, value in found.terms.items()} == pytest.approx(
        {"class": by_class.item(), "contrastive": contrast.item()}, rel=1e-4
    )


def test_kept_maps_and_pictures_give_the_same_loss(tmp_path: Path) -> None:
    """Pictures with hidden patches pass through a frozen trunk, the others have their maps: both as a trained one."""
    frozen, trained = (
        method_of(task_of(tmp_path, {**HALF_MASKED, "dropout": 0, "trunk_rate": rate})) for rate in (0, 1)
    )
    batch = batch_of(task_of(tmp_path), 18)
    mask = frozen._drawn_masks(18, draw(1))
    assert 4 < mask.flatten(1).any(1).sum() < 14 and set(mask.sum((1, 2)).tolist()) == {0, 2}
    losses = [method.loss(batch, draw(1)).total for method in (frozen, trained)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
    other = replace(batch, pixels=1 - batch.pixels)
    assert frozen.loss(other, draw(1)).total.item() != losses[0].item()
    for loss in losses:
        loss.backward()
    assert all(p.grad is None for p in frozen.encoder.vit.trunk.parameters())
    assert all(p.grad is not None for m in (frozen, trained) for p in m.parameters() if p.requires_grad)


def test_only_pictures_with_hidden_patches_meet_a_frozen_trunk_again(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    method: Any = method_of(task)
    assert method.encoder.vit.trunk.seen == 54 * 3
    method.loss(batch_of(task), draw())
    assert method.encoder.vit.trunk.seen == 54 * 3
    masked: Any = method_of(task_of(tmp_path, {"mask_share": 1.0}))
    masked.loss(batch_of(task), draw())
    assert masked.encoder.vit.trunk.seen == 54 * 3 + 9


def test_hidden_pixels_change_no_bit_of_the_loss(tmp_path: Path) -> None:
    for rate in (0, 1):
        method = method_of(task_of(tmp_path, {"mask_share": 1.0, "mask_cell": 1, "dropout": 0, "trunk_rate": rate}))
        batch = batch_of(task_of(tmp_path))
        hidden = method._drawn_masks(9, draw(2)).repeat_interleave(16, 1).repeat_interleave(16, 2)[:, None]
        changed = replace(batch, pixels=torch.where(hidden, 1 - batch.pixels, batch.pixels))
        losses = [method.loss(one, draw(2)).total for one in (batch, changed)]
        assert torch.equal(losses[0], losses[1]) and not torch.equal(batch.pixels, changed.pixels)


def test_a_trained_trunk_moves_at_its_rate_and_a_frozen_one_stays(tmp_path: Path) -> None:
    for name, objective in (("frozen", {}), ("trained", {"trunk_rate": 0.3})):
        task = task_of(tmp_path / name, {**objective, **HALF_MASKED})
        method = method_of(task)
        before = {key: value.clone() for key, value in method.encoder.vit.trunk.state_dict().items()}
        rates = sorted({group.rate for group in method.parameter_groups()})
        assert rates == ([1.0] if name == "frozen" else [0.3, 1.0])
        grouped = [id(p) for group in method.parameter_groups() for p in group.parameters]
        assert sorted(grouped) == sorted(id(p) for p in method.parameters() if p.requires_grad)
        train(task)
        after = load_file(tmp_path / name / "out/weights/pictures.safetensors")
        moved = {key for key, value in before.items() if not torch.equal(after[f"vit.trunk.{key}"], value)}
        learnt = {"conv.weight", "conv.bias", "norm.weight", "norm.bias"}
        assert moved == (set() if name == "frozen" else learnt)


def test_held_out_objects_and_unseen_classes_reach_no_fit(tmp_path: Path) -> None:
    patterns = Patterns()
    task = task_of(tmp_path, {"unseen_classes": 2}, objects=objects_of(patterns))
    method = method_of(task)
    unseen = set(method._unseen.tolist())
    allowed = {unit for unit in task.training_index().tolist() if LABELS[unit] not in unseen}
    assert len(unseen) == 2 and patterns.read_objects == allowed
    assert len(method._texts.targets) == len(allowed) and len(method._texts.classes) == 4
    read_texts = method._parts.texts.read
    assert read_texts and not any(NAMES[label] in text.split() for label in unseen for text in read_texts)


def test_classes_that_are_named_are_never_seen(tmp_path: Path) -> None:
    texts = list(objects_of().texts)
    seen, without_class = [unit for unit in task_of(tmp_path).training_index().tolist() if LABELS[unit] == 0][:2]
    texts[seen] = ShapeTexts("ball", ("two boxes", "a ball"))
    texts[without_class] = ShapeTexts("", ("a tube of glue",))
    labels = np.where(np.arange(NUM_OBJECTS) == without_class, -1, LABELS)
    objective = {"unseen_classes": ["box", "tube"]}
    task = task_of(tmp_path, objective, objects=objects_of(texts=tuple(texts), labels=labels))
    method = method_of(task)
    allowed = {unit for unit in task.training_index().tolist() if NAMES[LABELS[unit]] not in ("box", "tube")}
    assert set(np.flatnonzero(method._texts.row_of >= 0).tolist()) == allowed - {without_class}
    read_texts = method._parts.texts.read
    assert read_texts and not UnseenClasses(["box", "tube"]).names(" | ".join(read_texts))
    assert method_settings("patch_tower", {**objective, "min_mean_of_views_top1": 0}).never_seen == ("box", "tube")


def test_steps_leave_out_unseen_classes_too(tmp_path: Path) -> None:
    task = task_of(tmp_path, {"unseen_classes": 2, "dropout": 0})
    method, data, units = method_of(task), task.data, task.training_index()
    assert data is not None
    unseen = np.isin(LABELS[units], method._unseen)
    mixed, seen = (data.read(rows, draw()) for rows in (units, units[~unseen]))
    views = [replace(batch, views=torch.zeros_like(batch.views)) for batch in (mixed, seen)]
    losses = [method.loss(batch, draw()).total.item() for batch in views]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5) and losses[0] > 0
    loss = method.loss(data.read(units[unseen], draw()), draw()).total
    loss.backward()
    assert loss.item() == 0 and all(p.grad is None or not p.grad.any() for p in method.parameters())


def test_the_gate_reports_the_unseen_classes_apart(tmp_path: Path) -> None:
    train(task_of(tmp_path, {"unseen_classes": 3}))
    facts, found = read(tmp_path, "tower"), measures(tmp_path)
    names = facts["unseen_classes"]
    assert len(names) == 3 and set(names) < set(NAMES) and facts["num_fitted"] < 54
    assert (found["unseen_class_top1", "all"]["n_objects"], found["unseen_class_top1", "all"]["chance"]) == (
        30,
        33.3333,
    )
    assert ("zero_shot_top1_masked", "all") not in found


@pytest.mark.parametrize("objective", [HALF_MASKED, {**HALF_MASKED, "trunk_rate": 0.3}])
def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, objective: dict[str, Any]) -> None:
    train(task_of(tmp_path / "whole", objective, epochs=3))
    whole = files_of(tmp_path / "whole" / "out")
    for step in (1, 5):
        train_until(task_of(tmp_path / str(step), objective, epochs=3), step)
        train(task_of(tmp_path / str(step), objective, epochs=3))
        assert files_of(tmp_path / str(step) / "out") == whole
        assert read(tmp_path / str(step), "run")["resumed_from"] == [step]
    train(task_of(tmp_path / "other", objective, epochs=3, seed=6))
    name = "weights/pictures.safetensors"
    assert files_of(tmp_path / "other" / "out")[name] != whole[name]


def test_objects_without_classes_are_learned_from_by_their_texts(tmp_path: Path) -> None:
    labels = np.where(np.arange(NUM_OBJECTS) < 30, -1, LABELS)
    method = method_of(task_of(tmp_path, objects=objects_of(labels=labels)))
    units = np.setdiff1d(np.arange(30), task_of(tmp_path).held_out_index())[:9]
    assert method._texts.classes.shape[0] == 6
    terms = method.loss(PictureData(method._pairs).read(units, draw()), draw()).terms
    assert terms["class"].item() == 0 and terms["contrastive"].item() > 0
    none: Any = method_of(task_of(tmp_path, objects=objects_of(labels=np.full(NUM_OBJECTS, -1))))
    assert none.loss(PictureData(none._pairs).read(units, draw()), draw()).total.item() > 0


def test_what_cannot_be_fitted_or_measured_is_refused_at_the_start(tmp_path: Path) -> None:
    unlabelled = {"objects": objects_of(labels=np.full(NUM_OBJECTS, -1))}
    few = {"objects": objects_of(texts=(*objects_of().texts[:19], *[ShapeTexts()] * 41))}
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"min_mean_of_views_top1": 3}, unlabelled, "cannot be measured"),
        ({"min_unseen_class_top1": 3}, {}, "unseen_classes of at least 2"),
        ({"unseen_classes": 2}, unlabelled, "Too few classes"),
        ({}, few, "Too few objects"),
    ]
    for objective, options, message in cases:
        with pytest.raises(ConfigError, match=message):
            train(task_of(tmp_path, objective, **options))
    assert not (tmp_path / "out").exists()


def test_settings_name_their_mistakes() -> None:
    assert isinstance(method_settings("patch_tower", {"min_mean_of_views_top1": 5}), PatchTowerSettings)
    with pytest.raises(ConfigError, match="did you mean 'trunk_rate'"):
        method_settings("patch_tower", {"trunk_rates": 1, "min_mean_of_views_top1": 5})
    wrong_values = {"trunk_rate": -1, "dropout": 1, "mask_share": 1.1, "mask_ratio": -0.1, "mask_cell": 0}
    for name, value in wrong_values.items():
        with pytest.raises(ConfigError, match=f"'{name}'"):
            method_settings("patch_tower", {"min_mean_of_views_top1": None, name: value})


def test_the_work_is_that_of_the_transformer_and_of_a_trunk_that_is_not_kept() -> None:
    run = {"encoder": PATCHES}

    def passes(**objective: Any) -> list[tuple[str, float, bool]]:
        settings = method_settings("patch_tower", {"min_mean_of_views_top1": None, **objective})
        for one in settings.forward_passes(run):
            module, _, function = one.example.partition(":")
            network, inputs = getattr(import_module(module), function)(**one.arguments)
            assert len(network.eval()(*inputs)) == 1
        return [(one.network, one.times, one.is_trained) for one in settings.forward_passes(run)]

    tokens = ("hybrid_vit", 1.0, True)
    assert passes() == [tokens]
    assert passes(mask_share=0.5) == [tokens, ("fake_pictures", 0.5, False)]
    assert passes(trunk_rate=0.1, mask_share=0.5) == [tokens, ("fake_pictures", 1.0, True)]
