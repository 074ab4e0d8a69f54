"""Training of an aligned tower: a ridge in closed form, steps that resume exactly, and nothing fitted on the unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from sklearn.linear_model import Ridge as SklearnRidge
from tests.features.fake_encoders import ALIGNED, FakePictures, FakeSentences
from tests.features.pattern_objects import LABELS, NAMES, NUM_OBJECTS, PatternFeatures, objects_of
from tests.training.interruption import files_of, train_until
from torch.nn.functional import cross_entropy, normalize

from concord3d.batches.picture_features import PictureFeatureData
from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.aligned_tower import AlignedTower, FrozenPair
from concord3d.features.feature_pairs import FeaturePairs
from concord3d.features.open_tower import open_tower
from concord3d.features.pairs import PicturedObjects
from concord3d.features.text_targets import text_targets
from concord3d.features.tower import TowerSpec
from concord3d.features.unseen_classes import UnseenClasses
from concord3d.methods.aligned import method as aligned_module
from concord3d.methods.aligned.method import Aligned
from concord3d.methods.aligned.ridge import fit_ridge
from concord3d.methods.aligned.settings import AlignedSettings
from concord3d.methods.settings import method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import new_method, train


def pairs_of(*sets: PicturedObjects) -> FeaturePairs:
    return FeaturePairs(sets, FakePictures.dim)


def features_of(views: PatternFeatures | None = None, **options: Any) -> PicturedObjects:
    return objects_of(views or PatternFeatures(), **options)


def task_of(
    folder: Path,
    objective: dict[str, Any] | None = None,
    hidden_width: int | None = None,
    epochs: int = 0,
    objects: PicturedObjects | None = None,
    seed: int = 5,
) -> TrainingTask:
    encoder = {**ALIGNED, "projection": {"hidden_width": hidden_width}}
    run = {
        "method": "aligned",
        "encoder": encoder,
        "objective": {"min_mean_of_views_top1": None, **(objective or {})},
        "data": {},
        "training": {"epochs": epochs, "batch_size": 18, "checkpoint_every_s": 0, "num_snapshots": 1, "threads": 1},
        "seed": seed,
    }
    data = PictureFeatureData(pairs_of(objects or features_of()))
    return TrainingTask(run, data, folder / "work", folder / "out", device="cpu", progress=False)


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "out" / f"{name}.json").read_text())
    return content


def measures(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    return {(measure["metric"], measure["view_set"]): measure for measure in read(folder, "gate")["measures"]}


pytestmark = pytest.mark.usefixtures("fakes")


def test_the_ridge_equals_the_one_of_scikit_learn_and_its_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(7, 3, 5)).astype(np.float32) * 40, rng.normal(size=(7, 4)).astype(np.float32)
    features[..., 2] = 0
    for block in (256, 2):
        monkeypatch.setattr("concord3d.methods.aligned.ridge._BLOCK_OBJECTS", block)
        found = fit_ridge(features, targets, alpha=2.5)
        unit = features.reshape(21, 5).astype(np.float64)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        deviation = np.where(unit.std(axis=0) > 0, unit.std(axis=0), 1)
        standardised = (unit - unit.mean(axis=0)) / deviation
        repeated = np.repeat(targets.astype(np.float64), 3, axis=0)
        literal = np.linalg.inv(standardised.T @ standardised + 2.5 * np.eye(5)) @ standardised.T
        np.testing.assert_allclose(found.weight, (literal @ (repeated - repeated.mean(axis=0))).T, atol=1e-12)
        theirs = SklearnRidge(alpha=2.5).fit(standardised, repeated)
        np.testing.assert_allclose(found.weight, theirs.coef_, atol=1e-6)
        np.testing.assert_allclose(found.target, theirs.intercept_, atol=1e-6)


def test_a_training_without_epochs_leaves_the_ridge_and_a_tower_that_opens(tmp_path: Path) -> None:
    task = task_of(tmp_path, {"alpha": 0.5})
    train(task)
    weights = TrainingFolder(tmp_path / "out").weights("projection")
    tensors, pairs = load_file(weights), task.data.pairs
    (tmp_path / "tower.json").write_text(json.dumps(ALIGNED))
    tower = open_tower(TowerSpec(str(tmp_path / "tower.json"), str(weights)), "cpu")
    assert tower.identity == read(tmp_path, "tower")["identity"]
    targets = text_targets(FakeSentences(""), pairs, task.training_index(), 0.5)
    expected = fit_ridge(PatternFeatures().features[task.training_index()], targets, 0.5)
    np.testing.assert_array_equal(tensors["linear.weight"].numpy(), expected.weight.astype(np.float32))
    np.testing.assert_array_equal(tensors["text_mean"].numpy(), expected.target.astype(np.float32))
    history = read(tmp_path, "train")
    assert (history["num_steps"], history["history"], history["num_train"], history["num_held_out"]) == (0, [], 54, 6)
    snapshot = TrainingFolder(tmp_path / "out").snapshot("projection", 0)
    assert history["snapshot_epochs"] == [0] and snapshot.read_bytes() == weights.read_bytes()
    assert set(files_of(tmp_path / "out")) == {
        "weights/projection.safetensors", "snapshots/projection/epoch_0000.safetensors",
        "tower.json", "gate.json", "train.json",
    }  # fmt: skip
    releases = read(tmp_path, "gate")["pretrained"]
    assert [release["encoder"] for release in releases] == ["fake_pictures", "fake_sentences"]
    assert releases[0] == {"encoder": "fake_pictures", "origin": "made up: fake_pictures", "licence": "MIT"}
    found = measures(tmp_path)
    assert found["zero_shot_top1_mean_of_views", "all"]["value"] >= 80
    assert found["caption_to_class_top1", "texts"]["n_objects"] == 6


def test_a_training_never_opens_the_picture_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrozenPair, "pictures", property(lambda self: pytest.fail("the picture encoder was opened")))
    train(task_of(tmp_path, {"unseen_classes": 3, "unseen_apart": False}, hidden_width=8, epochs=1))
    assert read(tmp_path, "tower")["identity"]["pictures"] == FakePictures(32, "0" * 64).identity
    assert {"zero_shot_top1", "unseen_class_top1"} <= {metric for metric, _ in measures(tmp_path)}


def test_the_gate_and_the_held_out_figures_are_those_of_the_pictures_themselves(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    method = new_method(task)
    patterns, held_out = PatternFeatures(), task.held_out_index()
    tower = AlignedTower(method._pair, method.projection, "")
    pixels = patterns.pixels[held_out]
    expected = tower.encode_images(pixels.reshape(-1, *pixels.shape[2:])).reshape(len(held_out), 3, -1)
    np.testing.assert_allclose(task.data.pairs.features(tower, held_out), expected, rtol=1e-2, atol=1e-3)


def test_held_out_objects_and_unseen_classes_reach_no_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = PatternFeatures()
    task = task_of(tmp_path, {"unseen_classes": 2}, epochs=0, objects=features_of(patterns))
    fitted: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    monkeypatch.setattr(aligned_module, "fit_ridge", lambda *told: fitted.append(told) or fit_ridge(*told))
    method = new_method(task)
    assert isinstance(method, Aligned)
    unseen = set(method._unseen.tolist())
    allowed = {unit for unit in task.training_index().tolist() if LABELS[unit] not in unseen}
    assert len(unseen) == 2 and patterns.read_objects == allowed and len(fitted[0][0]) == len(allowed)
    read_texts = method._pair.texts.read
    assert read_texts and not any(NAMES[label] in text.split() for label in unseen for text in read_texts)


def test_classes_that_are_named_are_never_seen_unless_the_kept_tower_may(tmp_path: Path) -> None:
    texts = list(objects_of().texts)
    seen, without_class = [unit for unit in task_of(tmp_path).training_index().tolist() if LABELS[unit] == 0][:2]
    texts[seen] = ShapeTexts("ball", ("two boxes", "a ball"))
    texts[without_class] = ShapeTexts("", ("a tube of glue",))
    labels = np.where(np.arange(NUM_OBJECTS) == without_class, -1, LABELS)
    objective = {"unseen_classes": ["box", "tube"]}
    task = task_of(tmp_path, objective, objects=features_of(texts=tuple(texts), labels=labels))
    method = new_method(task)
    assert isinstance(method, Aligned)
    allowed = {unit for unit in task.training_index().tolist() if NAMES[LABELS[unit]] not in ("box", "tube")}
    assert set(np.flatnonzero(method._row_of >= 0).tolist()) == allowed - {without_class}
    read_texts = method._pair.texts.read
    assert read_texts and not UnseenClasses(["box", "tube"]).names(" | ".join(read_texts))
    assert method_settings("aligned", {**objective, "min_mean_of_views_top1": 0}).never_seen == ("box", "tube")
    kept = {**objective, "unseen_apart": False, "min_mean_of_views_top1": 0}
    assert method_settings("aligned", kept).never_seen == ()


def test_steps_leave_out_unseen_classes_too(tmp_path: Path) -> None:
    method = new_method(task_of(tmp_path, {"unseen_classes": 2}, epochs=1))
    data = PictureFeatureData(method._pairs)
    draw = torch.Generator().manual_seed(0)
    units = task_of(tmp_path).training_index()
    unseen = np.isin(LABELS[units], method._unseen)
    mixed, seen = data.read(units, draw), data.read(units[~unseen], draw)
    first = torch.from_numpy(PatternFeatures().features[:, 0]).float()
    batches = [replace(batch, features=first[batch.units]) for batch in (mixed, seen)]
    losses = [method.loss(batch, draw).total.item() for batch in batches]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6) and losses[0] > 0
    alone = data.read(units[unseen], draw)
    loss = method.loss(alone, draw).total
    loss.backward()
    assert loss.item() == 0 and all(p.grad is None or not p.grad.any() for p in method.parameters())


def test_the_loss_is_that_of_pictures_and_centred_texts(tmp_path: Path) -> None:
    method = new_method(task_of(tmp_path, {"temperature": 0.5}, epochs=1))
    assert isinstance(method, Aligned)
    units = task_of(tmp_path).training_index()[:7]
    batch = PictureFeatureData(method._pairs).read(units, torch.Generator().manual_seed(0))
    tower = AlignedTower(method._pair, method.projection, "")
    images = torch.from_numpy(tower.project(batch.features.numpy()))
    targets = text_targets(FakeSentences(""), method._pairs, units, 0.5) - method.projection.text_mean.numpy()
    logits = 2 * normalize(images) @ normalize(torch.from_numpy(targets)).T
    literal = (cross_entropy(logits, torch.arange(7)) + cross_entropy(logits.T, torch.arange(7))) / 2
    found = method.loss(batch, torch.Generator().manual_seed(0)).total
    assert found.item() == pytest.approx(literal.item(), rel=1e-5)


def test_the_gate_reports_the_unseen_classes_apart(tmp_path: Path) -> None:
    train(task_of(tmp_path, {"unseen_classes": 3}))
    facts, found = read(tmp_path, "tower"), measures(tmp_path)
    names = facts["unseen_classes"]
    assert len(names) == 3 and set(names) < set(NAMES) and facts["num_fitted"] < 54
    unseen = found["unseen_class_top1", "all"]
    assert (unseen["n_objects"], unseen["chance"]) == (30, 33.3333)
    seen = [unit for unit in task_of(tmp_path).held_out_index() if NAMES[LABELS[unit]] not in names]
    assert found["zero_shot_top1", "all"]["n_objects"] == len(seen) < 6


def test_the_kept_tower_may_know_all_classes_and_the_gate_an_alignment_without_some(tmp_path: Path) -> None:
    told = {"unseen_classes": 3, "unseen_apart": False}
    for name, objective in (("all", told), ("apart", {"unseen_classes": 3}), ("plain", {})):
        train(task_of(tmp_path / name, objective, epochs=0))
    kept = {name: load_file(tmp_path / name / "out/weights/projection.safetensors") for name in ("all", "plain")}
    assert all(torch.equal(kept["all"][key], value) for key, value in kept["plain"].items())
    every, apart, plain = (measures(tmp_path / name) for name in ("all", "apart", "plain"))
    assert every["unseen_class_top1", "all"] == apart["unseen_class_top1", "all"]
    assert {key: value for key, value in every.items() if key[0] != "unseen_class_top1"} == plain


@pytest.mark.parametrize("hidden_width", [None, 8])
def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, hidden_width: int | None) -> None:
    train(task_of(tmp_path / "whole", hidden_width=hidden_width, epochs=3))
    whole = files_of(tmp_path / "whole" / "out")
    for step in (1, 5):
        train_until(task_of(tmp_path / str(step), hidden_width=hidden_width, epochs=3), step)
        train(task_of(tmp_path / str(step), hidden_width=hidden_width, epochs=3))
        assert files_of(tmp_path / str(step) / "out") == whole
        assert read(tmp_path / str(step), "run")["resumed_from"] == [step]
    if hidden_width:
        train(task_of(tmp_path / "other", hidden_width=hidden_width, epochs=3, seed=6))
        name = "weights/projection.safetensors"
        assert files_of(tmp_path / "other" / "out")[name] != whole[name]


def test_steps_learn_beyond_the_ridge(tmp_path: Path) -> None:
    task = task_of(tmp_path, {"alpha": 1e4}, hidden_width=16, epochs=40)
    task.run["training"].update(checkpoint_every_s=1000, learning_rate=0.01)
    train(task)
    losses = [entry["contrastive"] for entry in read(tmp_path, "train")["history"]]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:2])


def test_a_hidden_layer_without_epochs_is_the_ridge(tmp_path: Path) -> None:
    for name, width in (("linear", None), ("hidden", 8)):
        train(task_of(tmp_path / name, hidden_width=width))
    assert read(tmp_path / "linear", "gate") == read(tmp_path / "hidden", "gate")


def test_figures_of_held_out_objects_are_kept(tmp_path: Path) -> None:
    train(task_of(tmp_path, epochs=1))
    figures = read(tmp_path, "train")["history"][0]["held_out"]
    assert figures["num_texts"] == 6 and figures["image_to_text_r1"] >= 0


def test_a_gate_that_is_not_passed_is_said_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(task_of(tmp_path, {"min_caption_to_class_top1": 0, "min_category_of_coloured_class": 100}))
    assert read(tmp_path, "gate")["passed"] is False
    assert "THE GATE IS NOT PASSED: category_of_coloured_class" in caplog.text


def test_what_cannot_be_fitted_or_measured_is_refused_at_the_start(tmp_path: Path) -> None:
    unlabelled = {"objects": features_of(labels=np.full(NUM_OBJECTS, -1))}
    few = {"objects": features_of(texts=(*features_of().texts[:19], *[ShapeTexts()] * 41))}
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


def test_settings_name_their_mistakes_and_a_threshold_must_be_there() -> None:
    assert isinstance(method_settings("aligned", {"min_mean_of_views_top1": 5}), AlignedSettings)
    with pytest.raises(ConfigError, match="did you mean 'unseen_classes'"):
        method_settings("aligned", {"unseen_class": 1, "min_mean_of_views_top1": 5})
    with pytest.raises(ConfigError, match="min_mean_of_views_top1"):
        method_settings("aligned", {})
    for wrong in ({"alpha": 0}, {"temperature": 0}, {"class_share": 1.1}, {"unseen_classes": -1}):
        with pytest.raises(ConfigError, match=f"'{next(iter(wrong))}'"):
            method_settings("aligned", {"min_mean_of_views_top1": None, **wrong})
