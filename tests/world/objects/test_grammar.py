"""The shape grammar: primitives enclose the volume of their formula, and operations keep it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world.made import boundary_edges, volume

from concord3d.world.objects import grammar

SIZE = st.floats(0.1, 5.0)


@given(width=SIZE, height=SIZE, depth=SIZE)
@settings(max_examples=25)
def test_box_has_its_size_and_volume(width: float, height: float, depth: float) -> None:
    plain = grammar.box(width, height, depth)
    assert volume(plain) == pytest.approx(width * height * depth)
    bevelled = grammar.box(width, height, depth, 0.1 * min(width, height, depth))
    for shape in (plain, bevelled):
        assert np.allclose(np.ptp(shape.vertices, axis=0), (width, height, depth))
        assert shape.vertices[:, 1].min() == pytest.approx(0)
        assert boundary_edges(shape) == 0
    assert 0.7 * volume(plain) < volume(bevelled) < volume(plain)


@given(radius=SIZE, height=SIZE)
@settings(max_examples=20)
def test_round_solids_approach_their_volumes(radius: float, height: float) -> None:
    disc = np.pi * radius**2
    cases = [
        (grammar.cylinder(radius, height, 64), disc * height),
        (grammar.cone(radius, height, 64), disc * height / 3),
        (grammar.frustum(radius, radius / 2, height, 64), disc * height * 7 / 12),
        (grammar.ellipsoid(radius, height, radius, 33, 64), 4 / 3 * disc * height),
        (grammar.lathe([(0, 0), (radius, 0), (radius, height), (0, height)], 64), disc * height),
        (grammar.tube([[0, 0, 0], [0, height / 2, 0], [0, height, 0]], radius, 64), disc * height),
        (grammar.wedge((radius, radius), (radius, radius), height), radius**2 * height),
    ]
    for shape, expected in cases:
        assert volume(shape) == pytest.approx(expected, rel=0.02)
        assert boundary_edges(shape) == 0


def test_ring_shapes_are_closed_and_outward() -> None:
    ring = grammar.torus(1.0, 0.2, segments=64, sides=32)
    assert volume(ring) == pytest.approx(2 * np.pi**2 * 0.04, rel=0.02)
    half = grammar.torus(1.0, 0.2, sweep=180, segments=64, sides=32)
    assert volume(half) == pytest.approx(np.pi**2 * 0.04, rel=0.02)
    outline = grammar.polygon(64)
    band = grammar.rim_ring(outline, outline * 0.5, 0.0, 1.0)
    assert volume(band) == pytest.approx(np.pi * 0.75, rel=0.01)
    assert [boundary_edges(shape) for shape in (ring, half, band)] == [0, 0, 0]


@given(
    angles=st.lists(st.floats(0, 2 * np.pi), min_size=5, max_size=20, unique_by=lambda angle: round(angle, 1)),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30)
def test_extrusion_of_any_star_polygon_has_area_times_depth(angles: list[float], seed: int) -> None:
    ordered = np.sort(np.array([*angles, 0.05, 2.1, 4.2]))
    radius = np.random.default_rng(seed).uniform(0.3, 1.0, len(ordered))
    outline = np.column_stack([np.cos(ordered), np.sin(ordered)]) * radius[:, None]
    following = np.roll(outline, -1, axis=0)
    area = abs((outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]).sum()) / 2
    for points in (outline, outline[::-1]):
        shape = grammar.extrude(points, 0.5)
        assert len(shape.faces) == 4 * len(points) - 4
        assert volume(shape) == pytest.approx(area * 0.5)


@given(x=st.floats(-3, 3), y=st.floats(-3, 3), degrees=st.floats(-360, 360), axis=st.sampled_from("xyz"))
@settings(max_examples=25)
def test_rigid_motions_keep_volume(x: float, y: float, degrees: float, axis: str) -> None:
    shape = grammar.box(1, 2, 3, 0.1)
    moved = shape.turned(axis, degrees).moved(x, y, 1.0)
    assert volume(moved) == pytest.approx(volume(shape))
    assert np.allclose(grammar.rotation(axis, degrees) @ grammar.rotation(axis, -degrees), np.eye(3))


def test_right_hand_rule() -> None:
    assert np.allclose(grammar.rotation("y", 90) @ [0, 0, 1], [1, 0, 0])
    assert np.allclose(grammar.rotation("z", 90) @ [1, 0, 0], [0, 1, 0])


def test_arrays_mirror_and_subdivision() -> None:
    block = grammar.box(1, 1, 1)
    assert volume(grammar.linear_array(block, 5, x=2)) == pytest.approx(5)
    assert volume(grammar.radial_array(block.moved(x=3), 6)) == pytest.approx(6)
    both = grammar.mirror(block.moved(x=2))
    assert volume(both) == pytest.approx(2)
    assert both.vertices[:, 0].min() == pytest.approx(-2.5)
    assert volume(block.scaled(x=-2)) == pytest.approx(2)
    fine = grammar.subdivided(block)
    assert len(fine.faces) == 48
    assert volume(fine) == pytest.approx(1)


def test_smooth_goes_through_its_ends_and_middle() -> None:
    points = np.array([(0, 0, 0), (1, 2, 0), (3, 1, 0), (4, 4, 1)], dtype=float)
    curve = grammar.smooth(points, 31)
    assert np.allclose(curve[[0, 10, 20, 30]], points)


def test_deformed_without_strength_changes_nothing_and_stretch_scales() -> None:
    vertices = grammar.box(1, 2, 3).vertices
    still = grammar.deformed(vertices, stretch=[1, 1, 1], taper=0, bend=0, twist=0)
    assert np.allclose(still, vertices)
    wide = grammar.deformed(vertices, stretch=[2, 1, 0.5], taper=0, bend=0, twist=0)
    assert np.allclose(np.ptp(wide, axis=0), (2, 2, 1.5))
    tapered = grammar.deformed(vertices, stretch=[1, 1, 1], taper=0.2, bend=0, twist=0)
    top, bottom = tapered[vertices[:, 1] > 1], tapered[vertices[:, 1] < 1]
    assert np.ptp(top[:, 0]) == pytest.approx(1.2)
    assert np.ptp(bottom[:, 0]) == pytest.approx(0.8)


def test_a_fuselage_has_its_stations_and_is_closed() -> None:
    shape = grammar.fuselage([(-1, 0, 1, 0.5), (0, -0.5, 1.5, 1.0), (2, 0, 1, 0.5)], power=2, sides=64)
    assert boundary_edges(shape) == 0
    # Along a piece, both axes of the ellipse change in proportion to z.
    share = np.linspace(0, 1, 2001)
    mean = float(np.mean((0.5 + 0.5 * share) * (0.5 + 0.5 * share)))
    assert volume(shape) == pytest.approx(np.pi * mean * 3, rel=0.01)
    middle = shape.vertices[np.abs(shape.vertices[:, 2]) < 1e-9]
    np.testing.assert_allclose([middle.min(axis=0)[:2], middle.max(axis=0)[:2]], [[-1, -0.5], [1, 1.5]], atol=0.01)
