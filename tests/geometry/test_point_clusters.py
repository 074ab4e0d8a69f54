"""Points are in one cluster where a chain of short steps joins them."""

from __future__ import annotations

import numpy as np

from concord3d.geometry.point_clusters import linked_clusters


def test_chains_join_and_gaps_part() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    which = rng.permutation(np.repeat(np.arange(3), 60))
    points = centres[which] + rng.uniform(-1, 1, (180, 2))
    found = linked_clusters(points, 1.0)
    assert found.max() == 2
    for cluster in range(3):
        assert len(np.unique(which[found == cluster])) == 1
    # Numbers follow the first points.
    assert [int(np.flatnonzero(found == cluster)[0]) for cluster in range(3)] == sorted(
        int(np.flatnonzero(found == cluster)[0]) for cluster in range(3)
    )
    assert found[0] == 0


def test_a_step_of_the_reach_itself_joins() -> None:
    line = np.arange(6)[:, None] * 1.0
    assert set(linked_clusters(line, 1.0)) == {0}
    assert linked_clusters(line, 0.99).tolist() == list(range(6))


def test_no_and_single_points() -> None:
    assert linked_clusters(np.zeros((0, 2)), 1.0).tolist() == []
    assert linked_clusters(np.zeros((1, 3)), 1.0).tolist() == [0]
