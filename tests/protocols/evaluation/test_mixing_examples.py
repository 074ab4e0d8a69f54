"""Examples of mixed clouds: every operator at every weight, read back by the figure that draws them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from concord3d.arrays import write_arrays
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import BadCloud, DatasetError
from concord3d.geometry.mixing.settings import OPERATORS, MixingSettings
from concord3d.protocols.evaluation.mixing_examples import mixing_examples
from concord3d.reporting.evidence.mixed_clouds import read_mixed_clouds

WEIGHTS = (0.0, 0.25, 1.0)
SETTINGS = MixingSettings(match_points=64, num_patches=8)


def split(labels: tuple[int, ...] = (1, 1, 0)) -> CloudSplit:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(len(labels), 80, 3)).astype(np.float32) * 7 + 2
    names = tuple(f"shape_{i}" for i in range(len(labels)))
    return CloudSplit("some_set", "test", "synthetic", points, np.array(labels), ("lamp", "chair"), names)


def test_what_is_written_is_what_the_figure_reads(tmp_path: Path) -> None:
    write_arrays(tmp_path / "mixed.npz", mixing_examples(split(), WEIGHTS, 64, SETTINGS))
    arrays = read_mixed_clouds(tmp_path / "mixed.npz")
    assert tuple(arrays["operators"]) == OPERATORS
    assert arrays["points"].shape == (len(OPERATORS), len(WEIGHTS), 64, 3)
    kept = [operator != "rsmix" for operator in OPERATORS]  # RSMix moves what it cuts out
    assert np.linalg.norm(arrays["points"][kept], axis=-1)[:, [0, 2]].max() <= 1 + 1e-5, "clouds in the unit sphere"
    assert list(arrays["shape_names"]) == ["chair", "lamp"], "the first shape, and the first of another class"


@pytest.mark.parametrize("operator", ["point_cut_mix_r", "point_cut_mix_k", "fps_mix", "point_mixup"])
def test_the_ends_are_the_shapes_themselves(operator: str) -> None:
    arrays = mixing_examples(split(), WEIGHTS, 64, SETTINGS, operators=(operator,))
    np.testing.assert_allclose(arrays["ratio"][0], WEIGHTS, atol=1e-6)
    np.testing.assert_allclose(arrays["source"][0].mean(axis=1), WEIGHTS, atol=1e-6)
    ends = [np.sort(arrays["points"][0, place], axis=0) for place in (0, 2)]
    for cloud, stored in zip(ends, split().points[[2, 0], :64], strict=True):
        centred = stored - stored.mean(axis=0)
        np.testing.assert_allclose(cloud, np.sort(centred / np.linalg.norm(centred, axis=1).max(), axis=0), atol=1e-5)


@pytest.mark.parametrize(("num_shapes", "middle"), [(2, 1), (3, 1), (6, 3)])
def test_without_classes_the_shape_in_the_middle_is_taken(num_shapes: int, middle: int) -> None:
    unlabelled = replace(split((-1,) * num_shapes), class_names=())
    assert list(mixing_examples(unlabelled, WEIGHTS, 64, SETTINGS)["shape_names"]) == ["shape_0", f"shape_{middle}"]


def test_one_class_or_too_few_points_are_refused() -> None:
    with pytest.raises(DatasetError, match="two classes"):
        mixing_examples(split((1, 1)), WEIGHTS, 64, SETTINGS)
    with pytest.raises(BadCloud, match="fewer points"):
        mixing_examples(split(), WEIGHTS, 81, SETTINGS)
