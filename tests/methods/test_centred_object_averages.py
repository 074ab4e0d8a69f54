"""Objects in a tower's space less the means of the training scans: what is taken off, and what is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.encoded_scans import encoded
from tests.data.scan_examples import scans
from tests.features.fake_encoders import ALIGNED
from tests.methods.test_depth_views import TRAINING, tower_of
from torch.nn import functional

from concord3d.batches.scan_masks import ScanMasks
from concord3d.batches.scan_objects import EncodedScans, ScanObjectData
from concord3d.errors import ConfigError
from concord3d.features.aligned_tower import FrozenPair
from concord3d.features.object_projections import CentredProjections
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.interface import saved_module
from concord3d.methods.settings import TOWER, method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

RUN: dict[str, Any] = {
    "experiment": "averages", "seed": 0, "scale": "smoke", "method": "centred_object_averages",
    "encoder": {"name": "centred_object_averages"}, "objective": {},
    "data": {"tower": "seen", "picture_encoder": "fake_pictures", "picture_size": 32,
             "sentence_encoder": "fake_sentences"},
    "training": TRAINING,
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("fakes")


def seen() -> EncodedScans:
    """Scans whose features have the widths of the tower, and something in common."""
    wide, width = FrozenPair(AlignedTowerConfig.model_validate(ALIGNED)).widths
    rng, made = np.random.default_rng(0), encoded(scans())

    def drawn(mask: np.ndarray, dim: int) -> np.ndarray:
        values = 3 + rng.normal(size=(*mask.shape, dim))
        return np.where(mask[..., None], values, 0).astype(np.float32)

    pictures = replace(
        made.pictures,
        image=drawn(made.pictures.has_image, wide),
        floorplan=drawn(made.pictures.has_floorplan, wide),
    )
    texts = replace(made.texts, referral=drawn(made.texts.has_referral, width))
    points = replace(made.points, point=drawn(made.points.has_point, width), cad=drawn(made.points.has_cad, width))
    return EncodedScans(made.split, pictures, texts, points)


def trained(folder: Path, *sets: EncodedScans) -> CentredProjections:
    data = ScanObjectData(sets, ScanMasks.none(sum(len(each.split) for each in sets)))
    train(
        TrainingTask(
            RUN, data, folder / "work", folder / "out", {TOWER: tower_of(folder)}, device="cpu", progress=False
        )
    )
    module = saved_module(RUN, "objects", TrainingFolder(folder / "out").weights("objects"))
    assert isinstance(module, CentredProjections)
    return module


def vectors_of(module: Any, found: EncodedScans, name: str) -> torch.Tensor:
    features, present = found.features(name)
    return module({name: torch.from_numpy(np.asarray(features[present]))[None]}, {}, {})[name][0]


def test_the_mean_of_a_modality_over_the_training_scans_is_taken_off(tmp_path: Path) -> None:
    found = seen()
    module = trained(tmp_path, found)
    assert module.out_dim == module.projections.out_dim
    for name in module.modalities:
        plain = vectors_of(module.projections, found, name)
        expected = functional.normalize(plain - plain.mean(dim=0), dim=-1)
        torch.testing.assert_close(vectors_of(module, found, name), expected, atol=1e-4, rtol=1e-4)
    points = [vectors_of(each, found, "point") for each in (module.projections, module)]
    shared = [float(one.mean(dim=0).norm()) for one in points]
    assert shared[0] > 0.8 > 0.4 > shared[1], "what all have in common is gone"


def test_floorplans_have_a_mean_of_their_own(tmp_path: Path) -> None:
    found = seen()
    module = trained(tmp_path, found)
    plans = torch.from_numpy(found.pictures.floorplan[found.pictures.has_floorplan])
    plain = module.projections.pictures(plans)
    expected = functional.normalize(plain - plain.mean(dim=0), dim=-1)
    torch.testing.assert_close(module.pictures(plans), expected, atol=1e-4, rtol=1e-4)


def test_means_are_over_all_data_sets_and_a_modality_that_no_scan_has_keeps_its_place(tmp_path: Path) -> None:
    found = seen()
    none = np.zeros_like(found.points.has_cad)
    bare = replace(found, points=replace(found.points, cad=np.zeros_like(found.points.cad), has_cad=none))
    module = trained(tmp_path, bare, bare)
    assert not module.get_buffer("centre_cad").any() and module.get_buffer("centre_point").any()
    alone = trained(tmp_path / "alone", bare)
    torch.testing.assert_close(module.get_buffer("centre_point"), alone.get_buffer("centre_point"))


def test_the_section_of_the_encoder_is_a_name() -> None:
    settings = method_settings("centred_object_averages", {})
    assert (settings.is_trained, settings.reads_data, settings.roles) == (False, True, ("extractor",))
    assert settings.encoder_modules({"name": "centred_object_averages"})
    for section in ({"name": "object_averages"}, {"name": "centred_object_averages", "out_dim": 3}):
        with pytest.raises(ConfigError, match="no encoder to describe"):
            settings.encoder_modules(section)
