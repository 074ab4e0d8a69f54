"""Consistency under mixing: the formula, its ends, and the protocol from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocols.aligned import aligned_job, assert_same_bytes_twice, clouds, measured
from torch import Tensor, nn

from concord3d.errors import ConfigError, EvaluationError
from concord3d.features.mixed_clouds import encode_mixed, partners
from concord3d.geometry.mixing.settings import MixingSettings
from concord3d.measures.consistency import consistency


class MeanPoint(nn.Module):
    """Linear in the set of points: its features of mixed clouds are mixtures, if each cloud's points are alike."""

    def forward(self, points: Tensor) -> Tensor:
        return points.mean(dim=1)


@given(st.integers(2, 30), st.integers(0, 10_000))
@settings(max_examples=40)
def test_partners_are_a_derangement_without_swaps(num_shapes: int, seed: int) -> None:
    partner = partners(num_shapes, torch.Generator().manual_seed(seed))
    everyone = np.arange(num_shapes)
    np.testing.assert_array_equal(np.sort(partner), everyone)
    assert (partner != everyone).all()
    assert num_shapes == 2 or (partner[partner] != everyone).all()


def test_a_single_shape_has_no_partner() -> None:
    with pytest.raises(EvaluationError, match="pairs"):
        partners(1, torch.Generator())


def test_equals_the_formula() -> None:
    rng = np.random.default_rng(0)
    mixed, clean = rng.normal(size=(2, 6, 5)).astype(np.float32)
    partner, ratio = np.array([1, 2, 3, 4, 5, 0]), rng.uniform(size=6)
    found = consistency(mixed, clean, partner, ratio)
    for i in range(6):
        mixture = ratio[i] * clean[i].astype(float) + (1 - ratio[i]) * clean[partner[i]].astype(float)
        expected = mixed[i] @ mixture / np.linalg.norm(mixed[i]) / np.linalg.norm(mixture)
        assert found.cosine[i] == pytest.approx(expected)


def test_an_encoder_that_maps_everything_to_one_point_has_no_margin() -> None:
    constant = np.full((8, 4), 0.3, np.float32)
    found = consistency(constant, constant, np.roll(np.arange(8), 1), np.full(8, 0.5))
    np.testing.assert_allclose(found.cosine, 1)
    np.testing.assert_allclose(found.margin, 0, atol=1e-12)


def test_a_linear_encoder_is_consistent_at_every_ratio() -> None:
    generator = torch.Generator().manual_seed(0)
    # All points of a cloud coincide, so that every subset of it has the same mean.
    points = torch.randn(40, 1, 3, generator=generator).expand(-1, 50, -1).contiguous()
    partner = partners(40, generator)
    for weight in (0.0, 0.3, 1.0):
        mixed, ratio = encode_mixed(
            MeanPoint(), points, partner, weight, "point_cut_mix_r", MixingSettings(), generator
        )
        np.testing.assert_allclose(ratio, weight, atol=1e-6)
        found = consistency(mixed, points[:, 0].numpy(), partner, ratio)
        np.testing.assert_allclose(found.cosine, 1, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batch_size_does_not_change_the_draws(batch_size: int) -> None:
    points = torch.randn(40, 12, 3, generator=torch.Generator().manual_seed(1))
    partner = partners(40, torch.Generator().manual_seed(2))

    def run(size: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(3)
        return encode_mixed(MeanPoint(), points, partner, 0.4, "point_cut_mix_r", MixingSettings(), generator, size)[0]

    np.testing.assert_allclose(run(batch_size), run(32), rtol=1e-6)


def test_numbers_must_agree() -> None:
    rows = np.ones((4, 3), np.float32)
    with pytest.raises(EvaluationError, match="differ in number"):
        consistency(rows, rows, np.array([1, 2, 3, 0]), np.ones(3))


@pytest.mark.parametrize("operator", ["point_cut_mix_r", "fps_mix", "point_mixup"])
def test_protocol(tmp_path: Path, operator: str) -> None:
    settings = {"weights": [0.0, 0.5, 1.0], "operator": operator}
    records, arrays, details = measured(aligned_job(tmp_path, "consistency", settings))
    expected = {f"consistency_{margin}{weight}" for margin in ("", "margin_") for weight in ("0", "0.5", "1")}
    assert set(records) == expected
    # A cloud mixed with weight 1 is the cloud itself, and this encoder does not see the order of its points.
    assert records["consistency_1"]["value"] == pytest.approx(1, abs=1e-5)
    assert records["consistency_0"]["value"] == pytest.approx(1, abs=1e-5)
    assert records["consistency_0.5"]["value"] < 1 - 1e-4
    assert details["operator"] == operator and details["mean_ratio_by_weight"]["0.5"] == pytest.approx(0.5)
    assert sorted(arrays["partner"]) == list(range(22))


def test_protocol_on_a_subset_keeps_the_names(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "consistency", {"weights": [0.5], "max_items": 9})
    _, arrays, _ = measured(job)
    names = arrays["item_names"].tolist()
    assert len(names) == 9 and names == sorted(names, key=lambda name: int(name.split("_")[1]))
    assert set(names) < {f"test_{i}" for i in range(22)}


def test_protocol_leaves_the_same_bytes_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "consistency", {"weights": [0.3, 0.7]}, num_points=30)
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


def test_a_lambda_has_the_same_outcome_in_every_grid(tmp_path: Path) -> None:
    alone = measured(aligned_job(tmp_path, "consistency", {"weights": [0.7]}))[1]
    among = measured(aligned_job(tmp_path, "consistency", {"weights": [0.1, 0.7]}))[1]
    np.testing.assert_array_equal(alone["consistency_0.7__last"], among["consistency_0.7__last"])


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"operator": "cutmix"}, "point_cut_mix_r"),
        ({"weights": [0.5, 0.5]}, "different values"),
        ({"weights": [1.5]}, "less than or equal to 1"),
        ({"weights": []}, "weights"),
        ({"max_items": 1}, "max_items"),
        ({"mixing": {"num_patch": 4}}, "num_patches"),
    ],
)
def test_impossible_settings_are_refused(tmp_path: Path, values: dict[str, object], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        measured(aligned_job(tmp_path, "consistency", values))


def test_a_split_with_one_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="at least 2 shapes"):
        measured(aligned_job(tmp_path, "consistency", {}, test=clouds("test", 1, 0)))
