"""Vertex clustering: few enough faces, near the surface, and each knows which face it was."""

from __future__ import annotations

import numpy as np
import trimesh

from concord3d.geometry.simplify import clustered


def sphere() -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(subdivisions=4)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces, dtype=np.int32)


def test_a_mesh_that_is_small_enough_stays_as_it_is() -> None:
    vertices, faces = sphere()
    places, made, kept = clustered(vertices, faces, len(faces))
    np.testing.assert_array_equal(places, vertices)
    np.testing.assert_array_equal(made, faces)
    np.testing.assert_array_equal(kept, np.arange(len(faces)))


def test_a_large_mesh_gets_few_faces_near_its_surface() -> None:
    vertices, faces = sphere()
    places, made, kept = clustered(vertices, faces, 600)
    assert 300 < len(made) <= 600 and len(kept) == len(made)
    assert made.min() == 0 and made.max() == len(places) - 1 and len(np.unique(made)) == len(places)
    radius = np.linalg.norm(places, axis=1)
    assert radius.min() > 0.9 and radius.max() <= 1.0 + 1e-9
    a, b, c = made.T
    assert ((a != b) & (b != c) & (c != a)).all()
    assert len(np.unique(np.sort(made, axis=1), axis=0)) == len(made)


def test_a_face_knows_which_it_was() -> None:
    vertices, faces = sphere()
    places, made, kept = clustered(vertices, faces, 600)
    before, now = vertices[faces].mean(axis=1)[kept], places[made].mean(axis=1)
    assert np.linalg.norm(before - now, axis=1).max() < 0.3


def test_what_would_vanish_is_kept() -> None:
    """Two triangles of one plane fall into one cell before a grid leaves a single face."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    _, made, kept = clustered(vertices, faces, 1)
    assert 1 <= len(made) <= 2 and len(kept) == len(made)
