"""Every corruption does to a sweep what it says, the more the more severe, and leaves the given one alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from concord3d.data.corruptions import (
    CORRUPTIONS,
    CROSSTALK_LABEL,
    FOG_LABEL,
    SEVERITIES,
    SNOW_LABEL,
    condition_of,
    conditions,
)
from concord3d.errors import ConfigError
from concord3d.world.streets.corruptions import corrupted
from concord3d.world.streets.lidar import ELEVATIONS, LabelledSweep
from concord3d.world.streets.taxonomy import CATEGORY_INDEX
from concord3d.world.streets.weather import water_transmittance

BEAMS, STEPS, HEIGHT = 32, 120, 1.8
ROAD, CAR, BUS, WALL = (
    CATEGORY_INDEX[name] for name in ("flat.driveable_surface", "vehicle.car", "vehicle.bus.rigid", "static.manmade")
)


@pytest.fixture(scope="module")
def sweep() -> LabelledSweep:
    """A level road, and a wall at 60 m in which five beams see a car and six points of a bus."""
    rng = np.random.default_rng(0)
    elevation = np.radians(ELEVATIONS[BEAMS])
    down = elevation < -0.05
    distance = np.where(down, HEIGHT / np.maximum(-np.sin(elevation), 1e-3), 60.0 / np.cos(elevation))
    azimuth = np.arange(STEPS) * (2 * np.pi / STEPS)
    flat = distance * np.cos(elevation)
    points = np.empty((STEPS, BEAMS, 5))
    points[..., 0], points[..., 1] = flat * np.sin(azimuth)[:, None], flat * np.cos(azimuth)[:, None]
    points[..., 2], points[..., 4] = distance * np.sin(elevation), np.arange(BEAMS)
    points[..., 3] = rng.integers(10, 60, (STEPS, BEAMS))
    category = np.where(down, ROAD, WALL) * np.ones((STEPS, 1), np.int64)
    category[:, 26:31], category[:6, 31] = CAR, BUS
    instance = np.isin(category, (CAR, BUS)).astype(np.int32)
    flat_points = points.reshape(-1, 5).astype(np.float32)
    return LabelledSweep(flat_points, category.reshape(-1).astype(np.uint8), instance.ravel())


def made(sweep: LabelledSweep, corruption: str, severity: str = "heavy", seed: int = 1) -> LabelledSweep:
    return corrupted(sweep, corruption, severity, BEAMS, np.random.default_rng(seed))


def distance(sweep: LabelledSweep) -> np.ndarray:
    return np.linalg.norm(sweep.points[:, :3], axis=1)


@pytest.mark.parametrize(("corruption", "severity"), list(conditions()))
def test_it_depends_on_its_chances_alone_and_is_a_sweep(sweep: LabelledSweep, corruption: str, severity: str) -> None:
    before = sweep.points.copy(), sweep.category.copy(), sweep.instance.copy()
    first, second = made(sweep, corruption, severity), made(sweep, corruption, severity)
    for one, other in zip(vars(first).values(), vars(second).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    for array, original in zip(vars(sweep).values(), before, strict=True):
        np.testing.assert_array_equal(array, original)
    assert len(first.points) == len(first.category) == len(first.instance) > 100
    assert (first.points.dtype, first.category.dtype, first.instance.dtype) == (np.float32, np.uint8, np.int32)
    assert np.isfinite(first.points).all() and first.points[:, 3].min() >= 0 and first.points[:, 3].max() <= 255
    assert set(first.category) <= set(sweep.category) | {FOG_LABEL, SNOW_LABEL, CROSSTALK_LABEL}
    changed = len(first.points) != len(sweep.points) or not np.array_equal(first.points, sweep.points)
    assert changed


@pytest.mark.parametrize("corruption", ["fog", "wet_ground", "motion_blur", "beam_missing", "crosstalk"])
def test_severities_grow(sweep: LabelledSweep, corruption: str) -> None:
    def harm(severity: str) -> float:
        found = made(sweep, corruption, severity, seed=4)
        lost = len(sweep.points) - len(found.points) + np.isin(found.category, (FOG_LABEL, CROSSTALK_LABEL)).sum()
        if corruption == "motion_blur":
            return float(np.abs(found.points[:, :3] - sweep.points[:, :3]).mean())
        return float(lost) if corruption != "wet_ground" else -float(found.points[found.category == ROAD, 3].sum())

    harms = [harm(severity) for severity in SEVERITIES]
    assert all(less < more for less, more in pairwise(harms)), harms


def test_fog_returns_far_points_from_nearby_and_dims_the_others(sweep: LabelledSweep) -> None:
    found = made(sweep, "fog", seed=4)
    foggy = found.category == FOG_LABEL
    assert 0.05 < foggy.mean() < 0.9 and not found.instance[foggy].any()
    assert distance(sweep)[foggy].mean() > 2 * distance(sweep)[~foggy].mean()
    # Echoes of fog come from within metres, and scatter.
    assert distance(found)[foggy].max() < 10 and distance(found)[foggy].std() > 0.1
    np.testing.assert_allclose(distance(found)[~foggy], distance(sweep)[~foggy], rtol=1e-5)
    dimmed = [
        np.rint(np.exp(-2 * attenuation * distance(sweep)) * sweep.points[:, 3])[~foggy]
        for attenuation in (0.0, 0.005, 0.01, 0.02, 0.03, 0.06)
    ]
    assert any(np.array_equal(found.points[~foggy, 3], expected) for expected in dimmed[1:])
    # A fogged point stays on its ray.
    rays = [each.points[foggy, :3] / distance(each)[foggy, None] for each in (sweep, found)]
    np.testing.assert_allclose(*rays, atol=1e-5)


def test_thin_fog_returns_what_is_beyond_the_distance_of_the_formula(sweep: LabelledSweep) -> None:
    """Without attenuation intensity cancels out: the echo of the pulse, integrated finely, against a hard target."""
    attenuations = (0.0, 0.005, 0.01, 0.02, 0.03, 0.06)
    seed = next(seed for seed in range(100) if np.random.default_rng(seed).choice(attenuations) == 0)
    times = np.linspace(0, 4e-8, 4001)
    echoes = []
    for reach in np.arange(1.0, 12.0, 0.05):
        place = reach - 299_792_458 * times / 2
        seen = np.clip((place - 0.9) / 0.1, 0, 1)
        power = np.where(place > 0.9, seen / np.maximum(place, 0.9) ** 2, 0) * np.sin(np.pi * times / 4e-8) ** 2
        echoes.append(power.mean() * 4e-8)
    for severity, backscatter in (("moderate", 0.05), ("heavy", 0.2)):
        limit = np.sqrt(1e-6 / np.pi / backscatter / max(echoes))
        foggy = made(sweep, "fog", severity, seed).category == FOG_LABEL
        sure = np.abs(distance(sweep) / limit - 1) > 0.05
        np.testing.assert_array_equal(foggy[sure], (distance(sweep) > limit)[sure])
        assert 5 < limit < 60 and sure.mean() > 0.8


def test_water_dims_flat_light_most_and_ground_alone(sweep: LabelledSweep) -> None:
    # At right angles 4 n / (n + 1)^2 of the light passes, along the surface none.
    assert water_transmittance(np.array([1.0, 0.0])) == pytest.approx([4 * 1.33 / 2.33**2, 0.0])
    assert (np.diff(water_transmittance(np.linspace(0, 1, 20))) > 0).all()
    found = made(sweep, "wet_ground", "light")
    dry = sweep.category != ROAD
    np.testing.assert_array_equal(found.points[found.category != ROAD], sweep.points[dry])
    rows = {tuple(row[:3]): row[3] for row in sweep.points}
    share = np.array([row[3] / rows[tuple(row[:3])] for row in found.points[found.category == ROAD]])
    near = distance(found)[found.category == ROAD] < 5
    assert share.max() < 1 and share[near].mean() > share[~near].mean() > 1 - 0.2 / 1.2
    # On the sixth of the pavement that is covered light crosses the water twice.
    [passed] = water_transmittance(np.sin(np.radians(-ELEVATIONS[BEAMS][:1])))
    lowest = share[found.points[found.category == ROAD, 4] == 0]
    np.testing.assert_allclose(lowest, 5 / 6 + passed**2 / 6, rtol=1e-4)
    # A water as deep as the pavement covers all of it.
    assert len(made(sweep, "wet_ground", "heavy").points) < len(sweep.points)


def test_flakes_shade_what_they_do_not_replace(sweep: LabelledSweep) -> None:
    found = made(sweep, "snow")
    snowy = found.category == SNOW_LABEL
    assert 0 < snowy.sum() < 0.1 * len(snowy) and not found.instance[snowy].any()
    assert distance(found)[snowy].max() < 10 and distance(found)[snowy].min() >= 0.89
    rows = {tuple(row[:3]): row[3] for row in sweep.points}
    left = np.array([row[3] / rows[tuple(row[:3])] for row in found.points[~snowy]])
    assert left.max() <= 1 and 0.3 < left.mean() < 0.999


def test_motion_blur_moves_the_whole_and_a_little_each_point(sweep: LabelledSweep) -> None:
    shifts = made(sweep, "motion_blur").points[:, :3] - sweep.points[:, :3]
    assert np.abs(shifts.mean(axis=0)).max() > 0.05
    np.testing.assert_allclose(shifts.std(axis=0), 0.3 * np.array([0.1, 0.1, 0.05]), rtol=0.1)


@pytest.mark.parametrize(("severity", "lost"), list(zip(SEVERITIES, (8, 16, 24), strict=True)))
def test_beams_are_missing_whole(sweep: LabelledSweep, severity: str, lost: int) -> None:
    for corruption, share in (("beam_missing", 1), ("cross_sensor", 2)):
        found = made(sweep, corruption, severity)
        left = np.unique(found.points[:, 4])
        assert len(left) == BEAMS - lost and 0 in left
        for beam in left:
            same = sweep.points[:, 4] == beam
            np.testing.assert_array_equal(found.points[found.points[:, 4] == beam], sweep.points[same][::share])
            np.testing.assert_array_equal(found.category[found.points[:, 4] == beam], sweep.category[same][::share])


def test_other_lidars_lose_as_large_a_share_of_their_beams(sweep: LabelledSweep) -> None:
    few = LabelledSweep(*(array[sweep.points[:, 4] < 16] for array in vars(sweep).values()))
    for severity, lost in zip(SEVERITIES, (4, 8, 12), strict=True):
        found = corrupted(few, "beam_missing", severity, 16, np.random.default_rng(0))
        assert len(np.unique(found.points[:, 4])) == 16 - lost


def test_crosstalk_disturbs_a_share_of_the_points(sweep: LabelledSweep) -> None:
    found = made(sweep, "crosstalk", "moderate")
    disturbed = found.category == CROSSTALK_LABEL
    assert disturbed.sum() == int(0.07 * len(disturbed)) and not found.instance[disturbed].any()
    np.testing.assert_array_equal(found.points[~disturbed], sweep.points[~disturbed])
    shifts = found.points[disturbed, :3] - sweep.points[disturbed, :3]
    assert shifts.std() == pytest.approx(3, rel=0.15)


def test_incomplete_echoes_take_vehicles_that_have_enough_points(sweep: LabelledSweep) -> None:
    found = made(sweep, "incomplete_echo", "light")
    cars = (sweep.category == CAR).sum()
    assert (found.category == CAR).sum() == cars - int(0.75 * cars)
    for category in (ROAD, WALL, BUS):
        assert (found.category == category).sum() == (sweep.category == category).sum()


def test_names_are_checked(sweep: LabelledSweep) -> None:
    with pytest.raises(ConfigError, match=r"(?s)No such corruption.*wet_ground"):
        made(sweep, "wet_grund")
    with pytest.raises(ConfigError, match=r"(?s)No such severity.*heavy"):
        made(sweep, "fog", "hevy")
    assert len(list(conditions())) == 24 and set(CORRUPTIONS) == {corruption for corruption, _ in conditions()}
    assert condition_of("scene-0003/000/clean") == ("scene-0003/000", "clean")
