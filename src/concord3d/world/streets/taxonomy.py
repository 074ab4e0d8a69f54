"""What the parts of streets are: the 32 general categories of nuScenes, by the number that its label files hold, and
details that other data sets tell apart within one of them (CMCR spec 1.1, 1.2).
"""

from __future__ import annotations

GENERAL_CATEGORIES = (
    "noise", "animal", "human.pedestrian.adult", "human.pedestrian.child", "human.pedestrian.construction_worker",
    "human.pedestrian.personal_mobility", "human.pedestrian.police_officer", "human.pedestrian.stroller",
    "human.pedestrian.wheelchair", "movable_object.barrier", "movable_object.debris",
    "movable_object.pushable_pullable", "movable_object.trafficcone", "static_object.bicycle_rack", "vehicle.bicycle",
    "vehicle.bus.bendy", "vehicle.bus.rigid", "vehicle.car", "vehicle.construction", "vehicle.emergency.ambulance",
    "vehicle.emergency.police", "vehicle.motorcycle", "vehicle.trailer", "vehicle.truck", "flat.driveable_surface",
    "flat.other", "flat.sidewalk", "flat.terrain", "static.manmade", "static.other", "static.vegetation", "vehicle.ego",
)  # fmt: skip
CATEGORY_INDEX = {name: index for index, name in enumerate(GENERAL_CATEGORIES)}
# Of static.manmade, but for trunks (static.vegetation) and markings (flat.driveable_surface); "" is anything else.
DETAILS = ("", "building", "fence", "pole", "traffic_sign", "trunk", "lane_marking")
DETAIL_INDEX = {name: index for index, name in enumerate(DETAILS)}
