"""Few-shot episodes: disjoint, balanced, and the same for every encoder."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.few_shot import draw_episodes, few_shot_accuracies

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(8), 40))


@pytest.mark.parametrize(("num_ways", "num_shots"), [(5, 10), (8, 20)])
def test_support_and_query_are_disjoint_and_balanced(num_ways: int, num_shots: int) -> None:
    for episode in draw_episodes(LABELS, num_ways, num_shots, 20, 6, seed=0):
        assert not set(episode.support) & set(episode.query)
        assert len(set(episode.support)) == num_ways * num_shots and len(set(episode.query)) == num_ways * 20
        assert len(set(episode.classes)) == num_ways
        for rows, count in ((episode.support, num_shots), (episode.query, 20)):
            classes, counts = np.unique(LABELS[rows], return_counts=True)
            assert set(classes) == set(episode.classes) and set(counts) == {count}


def test_episodes_depend_on_the_seed_and_differ_from_run_to_run() -> None:
    first, again, other = (draw_episodes(LABELS, 5, 10, 20, 2, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0].support, again[0].support)
    assert not np.array_equal(first[0].support, other[0].support)
    assert not np.array_equal(first[0].support, first[1].support)


def test_small_classes_take_no_part() -> None:
    labels = np.concatenate([LABELS, np.full(25, 9)])
    for episode in draw_episodes(labels, 8, 10, 20, 5, seed=0):
        assert 9 not in episode.classes


def test_separable_features_score_one_and_constant_features_chance() -> None:
    separable = np.eye(8)[LABELS].astype(np.float32)
    constant = np.ones((len(LABELS), 4), dtype=np.float32)
    assert few_shot_accuracies(separable, LABELS, 5, 10, num_runs=3).mean() == 1
    np.testing.assert_allclose(few_shot_accuracies(constant, LABELS, 5, 10, num_runs=3), 0.2)


def test_too_few_clouds_per_class_name_the_setting() -> None:
    with pytest.raises(EvaluationError, match="5-way 30-shot"):
        draw_episodes(LABELS, 5, 30, 20, 1, seed=0)
    with pytest.raises(EvaluationError, match="9-way"):
        draw_episodes(LABELS, 9, 10, 20, 1, seed=0)
