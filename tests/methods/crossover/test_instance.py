"""The alignment of objects: it learns, masks hold, each switch does what it says, and the saved encoder opens alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.batches.scan_batches import WIDTHS, InMemory, loose, object_batch, without_objects
from tests.methods.crossover.small import INSTANCE_ENCODER, draw, instance_method, saved, train
from torch import Tensor
from torch.nn import functional

from concord3d.batches.scan_objects import ScanObjectBatch
from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.methods.crossover_instance.method import build
from concord3d.methods.crossover_instance.settings import CrossOverInstanceSettings
from concord3d.methods.interface import Context, EarlierTraining
from concord3d.models.weights import save_weights


def vectors(method: Any, batch: ScanObjectBatch) -> dict[str, Tensor]:
    return method.eval().encoder(batch.features, batch.present, batch.locations)


def padded(batch: ScanObjectBatch, count: int) -> ScanObjectBatch:
    """The same scans with more empty objects."""

    def longer(value: Any, fill: float = 0) -> Any:
        if isinstance(value, dict):
            return {name: longer(part) for name, part in value.items()}
        return functional.pad(value, (0, 0) * (value.ndim - 2) + (0, count), value=fill)

    told = {name: longer(part, -100 if name in ("ids", "labels") else 0) for name, part in vars(batch).items()}
    return ScanObjectBatch(**told)


@pytest.mark.parametrize("spatial", [True, False])
@pytest.mark.parametrize("all_pairs", [False, True])
def test_a_few_objects_are_learnt_by_heart(spatial: bool, all_pairs: bool) -> None:
    batch = object_batch(6, seed=3)
    batch = batch if spatial else loose(batch)
    method = instance_method(InMemory(batch), spatial=spatial, all_pairs=all_pairs)
    before = method.eval().held_out(batch, draw())
    losses = train(method, batch, 60)
    after = method.eval().held_out(batch, draw())
    assert losses[-1] < losses[0] / 2
    assert set(after) == {f"matching_{one}-{other}" for one, other in method.settings.pairs}
    assert len(after) == (6 if all_pairs else 3)
    assert all(share > 95 for share in after.values()) and sum(before.values()) < sum(after.values())


def test_pairs_without_pictures_emerge() -> None:
    batch = object_batch(6, seed=3, missing=0.0)
    method = instance_method(InMemory(batch))
    train(method, batch, 40)
    every = instance_method(InMemory(batch), all_pairs=True)
    every.encoder.load_state_dict(method.encoder.state_dict())
    # Chance lies between a half and a sixth.
    assert every.eval().held_out(batch, draw())["matching_point-referral"] > 70


@pytest.mark.parametrize("quirks", [False, True])
def test_objects_that_fill_up_count_in_the_release_alone(quirks: bool) -> None:
    batch = object_batch()
    method = instance_method(release_quirks=quirks).eval()
    one, other = (method.loss(each, draw()).total for each in (batch, padded(batch, 5)))
    assert torch.allclose(one, other, rtol=1e-5) is not quirks


def test_missing_objects_are_not_looked_at() -> None:
    batch = object_batch()
    method = instance_method().eval()
    changed = dict(batch.features)
    changed["point"] = torch.where(batch.present["point"][..., None], batch.features["point"], 7.0)
    kept = batch.present["point"]
    one, other = (vectors(method, each)["point"] for each in (batch, replace(batch, features=changed)))
    torch.testing.assert_close(one[kept], other[kept])
    assert not torch.equal(one, other)


def test_points_alone_see_their_scan() -> None:
    batch = object_batch(missing=0.0)
    moved = {name: locations.roll(1, 1) for name, locations in batch.locations.items()}
    for spatial in (True, False):
        method = instance_method(InMemory(batch), spatial=spatial)
        one, other = vectors(method, batch), vectors(method, replace(batch, locations=moved))
        same = {name: torch.equal(one[name], other[name]) for name in WIDTHS}
        assert same == {"image": True, "cad": True, "referral": True, "point": not spatial}


def test_locations_of_cad_models_are_a_switch() -> None:
    batch = object_batch(missing=0.0)
    moved = {**batch.locations, "cad": batch.locations["cad"] + 1}
    for told in (False, True):
        method = instance_method(cad_locations=told)
        one, other = vectors(method, batch)["cad"], vectors(method, replace(batch, locations=moved))["cad"]
        assert torch.equal(one, other) is not told


@pytest.mark.parametrize("spatial", [True, False])
@pytest.mark.parametrize("missing", [("cad",), ("image",), ("point",), ("image", "point", "cad", "referral")])
def test_a_modality_may_be_missing_everywhere(spatial: bool, missing: tuple[str, ...]) -> None:
    batch = without_objects(object_batch(), *missing)
    batch = batch if spatial else loose(batch)
    method = instance_method(spatial=spatial, all_pairs=True, learn_temperature=True)
    found = method.loss(batch, draw())
    found.total.backward()
    assert torch.isfinite(found.total)
    for pair in method.settings.pairs:
        assert (float(found.terms["-".join(pair)]) == 0) is bool(set(pair) & set(missing))
    for parameter in method.parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()
    shown = method.eval().held_out(batch, draw())
    assert not any(name in pair for pair in shown for name in missing)


def test_data_may_know_fewer_modalities() -> None:
    batch = object_batch()
    features = {name: part for name, part in batch.features.items() if name != "cad"}
    few = replace(batch, features=features)
    method = instance_method(InMemory(few))
    assert set(method.encoder.heads) == set(features) and method.loss(few, draw()).total > 0
    # An encoder that knows more sees what there is.
    assert set(vectors(instance_method(), few)) == set(features)


def test_one_object_has_no_other_to_be_told_from() -> None:
    batch = object_batch(3, missing=0.0)
    present = {name: mask & (torch.arange(6) == 0) for name, mask in batch.present.items()}
    method = instance_method()
    assert float(method.eval().loss(replace(batch, present=present), draw()).total.detach()) == pytest.approx(
        0, abs=1e-6
    )


@pytest.mark.parametrize("learnt", [False, True])
def test_the_temperature_is_fixed_or_learnt_without_decay(learnt: bool) -> None:
    batch, method = object_batch(), instance_method(learn_temperature=learnt)
    assert float(method.scale().detach()) == pytest.approx(1 / 0.07)
    decays = [group.weight_decay for group in method.parameter_groups()]
    assert decays == ([None, 0.0] if learnt else [None])
    train(method, batch, 3)
    assert (float(method.scale().detach()) == pytest.approx(1 / 0.07)) is not learnt


def test_the_saved_encoder_opens_alone(tmp_path: Path) -> None:
    method, batch = instance_method(cad_locations=True), object_batch()
    opened = saved(method, "objects", "crossover_instance", tmp_path).module("objects").eval()
    assert opened.form == method.encoder.form
    for name, expected in vectors(method, batch).items():
        assert torch.equal(opened(batch.features, batch.present, batch.locations)[name], expected)
    assert torch.equal(opened.pictures(batch.features["image"][:, 0]), vectors(method, batch)["image"][:, 0])


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.safetensors"
    save_weights(torch.nn.Linear(1, 1), path)
    earlier = EarlierTraining({"method": "crossover_instance", "encoder": {}, "objective": {}}, {"objects": path})
    with pytest.raises(CheckpointCorrupt, match="encoder of scans"):
        earlier.module("objects")


def test_heads_must_share_the_width() -> None:
    shape = {**INSTANCE_ENCODER, "num_heads": 5}
    with pytest.raises(ConfigError, match="heads share"):
        build(CrossOverInstanceSettings(), Context(shape, {}, InMemory(object_batch())))


def test_attention_may_be_narrower_than_the_features() -> None:
    data = InMemory(object_batch())
    method = build(CrossOverInstanceSettings(), Context({**INSTANCE_ENCODER, "attention_width": 4}, {}, data))
    assert method.encoder.heads["point"].layers[0].in_features == 4
    assert method.loss(data.batch, draw()).total > 0


def test_other_features_are_refused() -> None:
    batch = object_batch()
    wide = {**batch.features, "image": torch.zeros(4, 6, 11)}
    with pytest.raises(ConfigError, match="'image' are not those"):
        vectors(instance_method(), replace(batch, features=wide))


@pytest.mark.parametrize("told", [{"name": "instance_encodr"}, {"num_head": 3}, {"out_dim": 0}])
def test_the_encoder_section_is_checked(told: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        CrossOverInstanceSettings.encoder_modules({**INSTANCE_ENCODER, **told})
    assert CrossOverInstanceSettings().roles == ("extractor",)
