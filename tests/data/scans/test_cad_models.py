"""CAD models stand for the objects that they overlap."""

from __future__ import annotations

import numpy as np
import trimesh

from concord3d.data.scans.cad_models import PlacedModel, assigned_models
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.rigid import rigid, turn_about_z


def placed(name: str, middle: tuple[float, float, float], scale: float = 1.0, angle: float = 0.0) -> PlacedModel:
    """A unit cube with y up, as ShapeNet's models are."""
    shape = trimesh.creation.box((1, 1, 1))
    z_from_y = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    matrix = rigid(turn_about_z(angle) @ z_from_y, middle)
    matrix[:3, :3] *= scale
    return PlacedModel(name, Mesh(shape.vertices.astype(np.float32), shape.faces.astype(np.int32)), matrix)


BOXES = [
    (np.array([0.0, 0, 0]), np.array([1.0, 1, 1])),
    None,
    (np.array([0.8, 0, 0]), np.array([2.0, 1, 1])),
]


def test_a_model_goes_to_the_object_that_it_overlaps_most() -> None:
    found = assigned_models([placed("a", (1.3, 0.5, 0.5))], BOXES)
    assert {row: model.name for row, model in found.items()} == {2: "a"}
    found = assigned_models([placed("a", (0.5, 0.5, 0.5)), placed("b", (1.4, 0.5, 0.5))], BOXES)
    assert {row: model.name for row, model in found.items()} == {0: "a", 2: "b"}


def test_a_later_model_takes_the_place_of_an_earlier_one() -> None:
    found = assigned_models([placed("a", (0.5, 0.5, 0.5)), placed("b", (0.4, 0.5, 0.5))], BOXES)
    assert {row: model.name for row, model in found.items()} == {0: "b"}


def test_without_overlap_or_objects_a_model_stands_for_nothing() -> None:
    assert assigned_models([placed("a", (0.5, 0.5, 3.0))], BOXES) == {}
    assert assigned_models([placed("a", (0.5, 0.5, 0.5))], []) == {}
    assert assigned_models([], BOXES) == {}


def test_the_box_of_a_model_is_turned_with_it() -> None:
    assert abs(placed("a", (0, 0, 0), 2.0, 0.6).box().volume - 8) < 1e-4
