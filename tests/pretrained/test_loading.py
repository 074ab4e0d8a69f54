"""Encoders by the name of a run, by a path, and of the user."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.pretrained.toy_runs import ALIGNED_RUN, PLAIN_RUN, toy_repository

from concord3d.errors import ArtifactDamaged, ConfigError, EvaluationError
from concord3d.features.clouds import extract_features
from concord3d.models.factory import load_point_encoder
from concord3d.pretrained import load_encoder, loading
from concord3d.pretrained.runs import RunName, runs_in

CLOUDS = np.random.default_rng(0).uniform(-1, 1, (3, 300, 3)).astype(np.float32)
OWN = """
import torch
from torch import nn

class Means(nn.Module):
    in_channels, num_points = 6, 64
    def forward(self, points):
        return points.mean(dim=1)

def build():
    return Means()

def flat():
    return nn.Flatten(0)

def number():
    return 3
"""


@pytest.fixture(scope="module")
def root(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_repository(tmp_path_factory.mktemp("runs") / "clone", repository, [ALIGNED_RUN, PLAIN_RUN])


def weights_of(root: Path, name: str) -> Path:
    run = RunName.of(name)
    assert run is not None
    return root / run.folder.weights("point")


def test_a_run_is_loaded_with_its_own_weights_and_number_of_points(root: Path) -> None:
    encoder = load_encoder(PLAIN_RUN, root)
    expected = load_point_encoder(encoder.run["encoder"], weights_of(root, PLAIN_RUN))
    np.testing.assert_array_equal(encoder.embed(CLOUDS), extract_features(expected, CLOUDS, encoder.num_points))
    assert not encoder.is_aligned and encoder.num_channels == 3 and encoder.tower is None
    assert encoder.sha256 is not None and len(encoder.sha256) == 64


def test_an_aligned_encoder_sees_clouds_in_the_unit_sphere_and_knows_its_tower_and_protocols(root: Path) -> None:
    encoder = load_encoder(ALIGNED_RUN, root)
    assert encoder.is_aligned and encoder.num_channels == 6
    assert encoder.tower is not None and Path(encoder.tower.weights).is_file()
    np.testing.assert_allclose(encoder.embed(CLOUDS), encoder.embed(5 * CLOUDS + 2), atol=1e-4)
    assert encoder.protocols["zero_shot"]["num_resamples"] == 2


def test_paths_of_a_training_lead_to_the_same_encoder(root: Path) -> None:
    weights = weights_of(root, PLAIN_RUN)
    for path in (weights, weights.parents[1]):
        encoder = load_encoder(str(path))
        np.testing.assert_array_equal(encoder.embed(CLOUDS), load_encoder(PLAIN_RUN, root).embed(CLOUDS))


def test_a_training_outside_a_repository_is_loaded_from_its_folder(root: Path, tmp_path: Path) -> None:
    source = weights_of(root, ALIGNED_RUN).parents[1]
    (tmp_path / "weights").mkdir()
    for name in ("weights/point.safetensors", "provenance.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    encoder = load_encoder(str(tmp_path))
    np.testing.assert_array_equal(encoder.embed(CLOUDS), load_encoder(ALIGNED_RUN, root).embed(CLOUDS))
    with pytest.raises(EvaluationError, match="aligned with no tower"):
        encoder.class_features(["chair"])
    (tmp_path / "provenance.json").unlink()
    with pytest.raises(ConfigError, match=r"provenance\.json"):
        load_encoder(str(tmp_path / "weights/point.safetensors"))


def test_weights_that_differ_from_the_record_are_refused(repository: Path, tmp_path: Path) -> None:
    clone = toy_repository(tmp_path / "clone", repository, [PLAIN_RUN])
    path = weights_of(clone, PLAIN_RUN)
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)
    with pytest.raises(ArtifactDamaged, match="record of their training"):
        load_encoder(PLAIN_RUN, clone)


def test_names_that_do_not_exist_are_refused_with_the_nearest(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"not on this machine; did you mean 'demo/mm_point/mm_point@s1'"):
        load_encoder("demo/mm_point/mm_pint@s1", root)
    with pytest.raises(ConfigError, match="There is no encoder 'nothing'"):
        load_encoder("nothing", root)
    assert [str(name) for name in runs_in(root)] == [ALIGNED_RUN, PLAIN_RUN]


def test_a_function_of_the_user_builds_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_means.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    encoder = load_encoder("own_means:build")
    colors = np.full(CLOUDS.shape, 51, np.uint8)
    expected = np.concatenate([CLOUDS[:, :64].mean(axis=1), np.full((3, 3), 0.2)], axis=1)
    np.testing.assert_allclose(encoder.embed(CLOUDS, colors), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.embed(CLOUDS)[:, 3:], 0.4, atol=1e-6)
    for name, said in (
        ("own_means:flat", r"\(2, D\) of clouds"),
        ("own_means:number", "is no module"),
        ("own_means:nothing", "AttributeError"),
        ("no_such_module:build", "ModuleNotFoundError"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_encoder(name)
    assert isinstance(encoder.module(torch.zeros(1, 4, 6)), torch.Tensor)


def test_the_example_of_the_documentation_holds() -> None:
    assert doctest.testmod(loading) == (0, 3)
