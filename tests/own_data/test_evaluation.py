"""Protocols on data of the user: numbers, splits, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.own_data.shapes import Mute, Spread, points_of, spread_encoder, write_clouds

from concord3d.errors import BadCloud, ConfigError, EvaluationError
from concord3d.own_data import OwnData, Reading, embed_data, evaluate_data, read_own_data
from concord3d.own_data.errors import LonelyClasses
from concord3d.own_data.splitting import SeededSplit, train_and_test

FEW = Reading(num_points=32)


@pytest.fixture
def data(tmp_path: Path) -> OwnData:
    return read_own_data(write_clouds(tmp_path / "clouds", count=10), FEW)


def test_features_are_those_of_the_first_points(data: OwnData) -> None:
    expected = data.all.points[:, :32].std(axis=1, ddof=1)
    np.testing.assert_allclose(embed_data(data, spread_encoder()), expected, atol=1e-6)
    with pytest.raises(BadCloud, match="fewer points"):
        embed_data(data, spread_encoder(), num_points=41)


@pytest.mark.parametrize(
    ("protocol", "metric"),
    [
        ("zero_shot", "top1"),
        ("knn", "overall_accuracy"),
        ("linear_probe", "overall_accuracy"),
        ("linear_svm", "overall_accuracy"),
        ("retrieval", "shape_to_shape_map"),
    ],
)
def test_shapes_that_differ_are_told_apart(data: OwnData, protocol: str, metric: str) -> None:
    found = evaluate_data(data, spread_encoder(), protocol)
    assert found.value(metric) == pytest.approx(100)
    assert {record.selection for record in found.result.records} == {"last"}


def test_names_of_classes_are_compared_by_what_the_encoder_says_of_texts(data: OwnData) -> None:
    class Reversed(Spread):
        def encode_texts(self, texts: list[str]) -> np.ndarray:
            return np.array([[1, 0, 1] if "post" in text else [0, 1, 0] for text in texts], np.float32)

    found = evaluate_data(data, spread_encoder(Reversed()), "zero_shot")
    assert found.value("top1") == pytest.approx(0)
    assert found.settings["ks"] == [1] and any("ks" in sentence for sentence in found.said)
    with pytest.raises(EvaluationError, match="k lies above"):
        evaluate_data(data, spread_encoder(), "zero_shot", {"ks": [1, 3]})
    with pytest.raises(EvaluationError, match="aligned with no tower"):
        evaluate_data(data, spread_encoder(Mute()), "zero_shot")


def test_a_seed_splits_each_class(data: OwnData) -> None:
    train, test, said = train_and_test(data, SeededSplit(0.3, seed=1))
    assert np.bincount(train.labels).tolist() == [7, 7] and np.bincount(test.labels).tolist() == [3, 3]
    assert {*train.names, *test.names} == {*data.all.names} and "seed 1" in said
    assert train_and_test(data, SeededSplit(0.3, seed=1))[1].names == test.names
    assert train_and_test(data, SeededSplit(0.3, seed=2))[1].names != test.names
    with pytest.raises(ConfigError, match="between 0 and 1"):
        train_and_test(data, SeededSplit(1.0))


def test_splits_of_the_data_are_kept(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("test", 2)):
        write_clouds(tmp_path / split, count)
    data = read_own_data(tmp_path, FEW)
    train, test, said = train_and_test(data, SeededSplit())
    assert (len(train), len(test)) == (6, 4) and "as the data bring them" in said
    assert evaluate_data(data, spread_encoder(), "zero_shot").result.records[0].n_items == 4
    nameless = replace(data.splits["train"], labels=np.full(6, -1))
    with pytest.raises(EvaluationError, match="have no class"):
        train_and_test(replace(data, splits={**data.splits, "train": nameless}), SeededSplit())
    only = OwnData({"train": data.splits["train"]}, (), {}, {})
    with pytest.raises(EvaluationError, match="needs two splits"):
        evaluate_data(only, spread_encoder(), "knn")


def test_classes_of_one_member_are_named(tmp_path: Path) -> None:
    folder = write_clouds(tmp_path / "clouds")
    (folder / "lonely").mkdir()
    np.save(folder / "lonely/0.npy", points_of("post", 0))
    data = read_own_data(folder, FEW)
    with pytest.raises(LonelyClasses, match="1 of 3 classes have one member"):
        evaluate_data(data, spread_encoder(), "knn")
    assert evaluate_data(data, spread_encoder(), "zero_shot").result.records[0].n_items == 9


def test_data_without_classes_and_unknown_names_are_refused(tmp_path: Path, data: OwnData) -> None:
    np.save(tmp_path / "batch.npy", np.stack([points_of("post", seed) for seed in range(3)]))
    bare = read_own_data(tmp_path / "batch.npy", FEW)
    for protocol in ("knn", "retrieval", "zero_shot"):
        with pytest.raises(EvaluationError, match="have no class"):
            evaluate_data(bare, spread_encoder(), protocol)
    with pytest.raises(ConfigError, match="did you mean 'knn'"):
        evaluate_data(data, spread_encoder(), "kn")
    with pytest.raises(ConfigError, match="num_neighbours"):
        evaluate_data(data, spread_encoder(), "knn", {"num_neighbors": 3})


def test_settings_of_the_paper_count_unless_others_are_given(data: OwnData) -> None:
    own = spread_encoder()
    of_paper = {"knn": {"num_neighbours": 2, "num_points": 40}}
    encoder = replace(own, protocols=of_paper, run={**own.run, "paper": "mm_point"})
    assert (own.num_points_for(["knn"]), encoder.num_points_for(["knn"]), encoder.num_points_for()) == (32, 40, 32)
    assert evaluate_data(data, encoder, "knn").settings["num_neighbours"] == 2
    found = evaluate_data(data, encoder, "knn", {"num_neighbours": 3})
    assert (found.settings["num_neighbours"], found.settings["num_points"]) == (3, 40)
    assert evaluate_data(data, own, "knn").result.details["num_points"] == 32


def test_neighbours_are_no_more_than_there_are(tmp_path: Path) -> None:
    data = read_own_data(write_clouds(tmp_path / "clouds", count=4), FEW)
    found = evaluate_data(data, spread_encoder(), "knn")
    assert found.settings["num_neighbours"] == 3 and found.settings["purity_neighbours"] == 1
    of_paper = replace(spread_encoder(), protocols={"knn": {}})
    of_paper = replace(of_paper, run={**of_paper.run, "paper": "mm_point"})
    kept = evaluate_data(data, of_paper, "knn")
    assert kept.settings["num_neighbours"] == 6 and "as 'mm_point' has them" in kept.said[1]
    with pytest.raises(EvaluationError, match="More neighbours"):
        evaluate_data(data, spread_encoder(), "knn", {"num_neighbours": 20})
