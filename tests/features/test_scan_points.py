"""What an encoder makes of the clouds of objects in scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.scan_examples import scan, scans
from tests.features.scan_encoder_fakes import MaxCoordinates
from torch import nn

from concord3d.errors import EvaluationError
from concord3d.features.clouds import GREY
from concord3d.features.scan_points import ObjectClouds, open_extractor, scan_points
from concord3d.files import canonical_json
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights

FEW = ObjectClouds(num_points=5, min_points=5, y_up=False)


def test_clouds_are_drawn_centred_and_scaled() -> None:
    split, encoder = scans(), MaxCoordinates()
    found = scan_points(split, encoder, FEW)
    first = split.scan(0)
    # All five vertices are drawn, in some order.
    own = first.points[first.instance == 3]
    centred = own - own.mean(axis=0)
    expected = (centred / np.linalg.norm(centred, axis=1).max()).max(axis=0)
    np.testing.assert_allclose(found.point[1], expected, atol=1e-5)
    assert found.has_point.all() and found.has_cad.tolist() == [False, False, True, False, False, False, True]
    model = first.cad_points[0] - first.cad_points[0].mean(axis=0)
    np.testing.assert_allclose(found.cad[2], (model / np.linalg.norm(model, axis=1).max()).max(axis=0), atol=1e-5)
    assert not found.cad[~found.has_cad].any()


def test_vertices_are_turned_to_y_up_and_models_are_not() -> None:
    split = scans()
    lying, upright = (scan_points(split, MaxCoordinates(), replace(FEW, y_up=up)) for up in (False, True))
    np.testing.assert_allclose(upright.point[:, :2], lying.point[:, [0, 2]], atol=1e-6)
    assert np.abs(upright.point[:, 2] - lying.point[:, 1]).max() > 0.05
    np.testing.assert_array_equal(upright.cad, lying.cad)
    [cloud] = [ObjectClouds(num_points=1).vertices(np.array([[1, 2, 3]], np.float32), 0, 0)]
    assert cloud.tolist() == [[1, 3, -2]]


def test_objects_with_few_vertices_have_no_cloud() -> None:
    found = scan_points(
        scans(scan(vertices_per_object=5), scan("scene1_00", vertices_per_object=9)),
        MaxCoordinates(),
        replace(FEW, min_points=6),
    )
    assert found.has_point.tolist() == [False] * 3 + [True] * 3 and not found.point[:3].any()
    none = scan_points(scans(scan(num_objects=0)), MaxCoordinates(), FEW)
    assert none.point.shape == none.cad.shape == (0, 3)
    # Nothing of a scan is there, and still the width is known.
    assert scan_points(scans(scan()), MaxCoordinates(6), replace(FEW, min_points=99)).point.shape == (3, 6)


def test_draws_depend_on_seed_scan_and_object_and_repeat_points_only_if_they_must() -> None:
    clouds, points = ObjectClouds(num_points=20, y_up=False), np.random.default_rng(0).normal(size=(30, 3)).astype("f4")
    one = clouds.vertices(points, 0, 1)
    assert len(np.unique(one, axis=0)) == 20
    np.testing.assert_array_equal(one, clouds.vertices(points, 0, 1))
    others = [clouds.vertices(points, 1, 1), clouds.vertices(points, 0, 2), clouds.surface(points, 0, 1)]
    others.append(replace(clouds, seed=1).vertices(points, 0, 1))
    assert all(not np.array_equal(one, other) for other in others)
    assert clouds.vertices(points[:3], 0, 1).shape == (20, 3)


def test_encoders_of_colour_see_grey() -> None:
    encoder = MaxCoordinates(6)
    found = scan_points(scans(), encoder, FEW)
    assert set(encoder.seen) <= {(3, 5, 6), (4, 5, 6), (1, 5, 6)}
    np.testing.assert_allclose(found.point[:, 3:], GREY, rtol=1e-6)


def test_features_that_are_not_finite_are_refused() -> None:
    encoder = MaxCoordinates()
    nn.init.constant_(encoder.weight, float("nan"))
    with pytest.raises(EvaluationError, match="not finite"):
        scan_points(scans(), encoder, FEW)


def test_the_encoder_of_a_training_is_opened_with_its_weights(tmp_path: Path) -> None:
    run = {"encoder": {"name": "pointnet"}, "method": "mm_point"}
    torch.manual_seed(1)
    built = build_point_encoder(run["encoder"])
    save_weights(built, tmp_path / "point.safetensors")
    torch.manual_seed(2)
    opened = open_extractor(canonical_json(run), None, tmp_path / "point.safetensors", "cpu")
    assert not opened.training
    for name, value in opened.state_dict().items():
        torch.testing.assert_close(value, built.state_dict()[name])
