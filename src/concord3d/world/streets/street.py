"""One street scene: a plan, what stands still in it, its actors and the vehicle of the sensors.

Shape legend: K instants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, rigid, turn_about_z
from concord3d.world.streets.actors import Actor, Spot, ego_spot, place_actors
from concord3d.world.streets.meshes import LabelledMesh, MeshBuilder, joined
from concord3d.world.streets.models import StreetModel, street_model
from concord3d.world.streets.plan import StreetPlan, draw_plan
from concord3d.world.streets.rig import Rig, draw_rig
from concord3d.world.streets.surroundings import add_surroundings

_VARIANTS = 12
# Reference point of the vehicle: the rear axle is so far behind its middle.
_REAR_AXLE = 1.3


@dataclass(frozen=True)
class Street:
    """One scene.

    Attributes:
        plan: Its plan.
        still: What stands still.
        actors: What has an instance; it may move.
        ego: Where the middle of the vehicle of the sensors is, and how it moves.
        rig: Its sensors.
        global_from_street: (4, 4) where the street lies on the map.
    """

    plan: StreetPlan
    still: LabelledMesh
    actors: tuple[Actor, ...]
    ego: Spot
    rig: Rig
    global_from_street: Matrix

    def street_from_ego(self, time: float) -> Matrix:
        """Return (4, 4) the pose of the vehicle of the sensors at a time in seconds."""
        rotation = turn_about_z(self.ego.yaw)
        middle = np.array([self.ego.x, self.ego.y, 0.0]) + time * np.array([*self.ego.velocity, 0.0])
        return rigid(rotation, middle - _REAR_AXLE * rotation[:, 0])

    def mesh_at(self, time: float) -> LabelledMesh:
        """Return everything as it stands at a time in seconds."""
        if not self.actors:
            return self.still
        moved = MeshBuilder()
        for actor in self.actors:
            vertices = actor.model.vertices @ turn_about_z(actor.yaw).T + actor.at(time)
            moved.add(vertices, actor.model.faces, actor.model.colors, actor.category, actor.instance)
        return joined([self.still, moved.build()])


def compose_street(rng: np.random.Generator, times: NDArray[np.float64], first_index: int, seed: int) -> Street:
    """Make a street.

    Args:
        rng: Source of randomness.
        times: (K,) rising seconds at which it is looked at.
        first_index: Number of the first object of each category that it may show; streets of two splits show different
            objects.
        seed: Seed of the world.
    """
    plan = draw_plan(rng, float(times[-1]))

    def model_of(category: str) -> StreetModel:
        return street_model(category, first_index + int(rng.integers(_VARIANTS)), seed)

    ego = ego_spot(plan, rng)
    actors = place_actors(plan, ego, times, model_of, rng)
    still = MeshBuilder()
    add_surroundings(still, plan, model_of, rng)
    place = rigid(turn_about_z(float(rng.uniform(-np.pi, np.pi))), [*rng.uniform(300, 1800, 2), 0.0])
    return Street(plan, still.build(), tuple(actors), ego, draw_rig(rng), place)
