"""What kinds of rooms there are, under the names of ScanNet's ``sceneType``, and what stands in each and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Color

Rule = Literal[
    "wall", "corner", "hung", "window", "middle", "free", "rows", "on", "beside", "before", "around", "above", "near"
]


@dataclass(frozen=True)
class Wanted:
    """Some objects of one kind, and the rule by which they are placed.

    Attributes:
        kind: One of :data:`concord3d.world.rooms.kinds.KINDS`.
        low: Least number.
        high: Greatest number.
        rule: ``wall``: its back against a wall. ``corner``: the same at the end of a wall. ``hung``: on a wall at
            height ``lift``. ``window``: in front of a window. ``middle``: in the middle of the room. ``free``: away
            from the walls. ``rows``: in rows that face the first wall. ``on``: on top of one of ``of``. ``beside``,
            ``before``, ``around``, ``above``: where these words say, seen from one of ``of``. ``near``: moved from
            where it was.
        of: Kind that the rule refers to.
        lift: Height of the lower edge above the floor in metres.
        width: Least and greatest width in metres to which it is stretched, or None for the width of the model.
    """

    kind: str
    low: int
    high: int
    rule: Rule
    of: str = ""
    lift: float = 0.0
    width: tuple[float, float] | None = None


@dataclass(frozen=True)
class SceneType:
    """One kind of room.

    Attributes:
        width: Least and greatest length of its longer side in metres.
        depth: The same of the shorter side.
        notched: How often a corner is cut out of it.
        windows: Least and greatest number of windows.
        floors: Colours of its floor.
        tiled: Whether the floor is a pattern of two shades.
        furniture: What stands in it, in the order in which it is placed.
    """

    width: tuple[float, float]
    depth: tuple[float, float]
    notched: float
    windows: tuple[int, int]
    floors: Mapping[str, Color]
    tiled: bool
    furniture: tuple[Wanted, ...]


_W = Wanted
SCENE_TYPES: Mapping[str, SceneType] = MappingProxyType(
    {
        "Bathroom": SceneType(
            (2.3, 3.4), (1.9, 2.7), 0.15, (0, 1), palette.STONE, True,
            (_W("bathtub", 0, 1, "wall"), _W("toilet", 1, 1, "wall"), _W("sink", 1, 1, "wall"),
             _W("mirror", 0, 1, "above", "sink", 1.15), _W("cabinet", 0, 1, "wall"), _W("bin", 1, 1, "corner"),
             _W("stool", 0, 1, "corner"), _W("flower_pot", 0, 1, "corner")),
        ),
        "Bedroom / Hotel": SceneType(
            (3.4, 5.0), (3.1, 4.2), 0.3, (1, 2), palette.FABRIC, False,
            (_W("bed", 1, 1, "wall"), _W("night_stand", 1, 2, "beside", "bed"), _W("wardrobe", 0, 1, "wall"),
             _W("dresser", 0, 1, "wall"), _W("lamp", 0, 2, "on", "night_stand"), _W("pillow", 1, 2, "on", "bed"),
             _W("curtain", 0, 1, "window"), _W("picture", 0, 2, "hung", "", 1.25), _W("chair", 0, 1, "corner"),
             _W("bag", 0, 1, "corner"), _W("rug", 0, 1, "free")),
        ),
        "Bookstore / Library": SceneType(
            (4.5, 6.5), (3.6, 5.2), 0.25, (0, 2), palette.WOOD, False,
            (_W("bookshelf", 3, 5, "wall"), _W("shelf", 0, 2, "wall"), _W("table", 1, 2, "free"),
             _W("chair", 1, 3, "around", "table"), _W("stool", 0, 2, "free"), _W("laptop", 0, 1, "on", "table"),
             _W("bookshelf", 0, 1, "wall"), _W("plant", 0, 1, "corner")),
        ),
        "Classroom": SceneType(
            (5.5, 7.0), (4.5, 5.8), 0.1, (1, 3), palette.STONE, False,
            (_W("whiteboard", 1, 1, "hung", "", 0.95), _W("table", 4, 6, "rows", "whiteboard", 0.0, (1.1, 1.3)),
             _W("chair", 3, 6, "before", "table"), _W("cabinet", 0, 1, "wall"), _W("bin", 0, 1, "corner"),
             _W("bookshelf", 0, 1, "wall")),
        ),
        "Conference Room": SceneType(
            (4.4, 6.2), (3.6, 4.8), 0.1, (0, 2), palette.FABRIC, False,
            (_W("whiteboard", 0, 1, "hung", "", 0.95), _W("table", 1, 1, "middle", "", 0.0, (1.9, 2.6)),
             _W("chair", 4, 6, "around", "table"), _W("tv_stand", 0, 1, "wall"), _W("display", 1, 1, "on", "tv_stand"),
             _W("laptop", 0, 2, "on", "table"), _W("plant", 0, 1, "corner"), _W("bin", 0, 1, "corner")),
        ),
        "Dining Room": SceneType(
            (3.6, 5.0), (3.2, 4.2), 0.25, (1, 2), palette.WOOD, False,
            (_W("table", 1, 1, "middle", "", 0.0, (1.3, 1.8)), _W("chair", 3, 5, "around", "table"),
             _W("dresser", 0, 1, "wall"), _W("cabinet", 0, 1, "wall"), _W("vase", 1, 1, "on", "table"),
             _W("picture", 1, 2, "hung", "", 1.25), _W("lamp", 0, 1, "corner"), _W("curtain", 0, 1, "window"),
             _W("rug", 0, 1, "free")),
        ),
        "Kitchen": SceneType(
            (3.2, 4.8), (2.8, 3.8), 0.3, (0, 2), palette.STONE, True,
            (_W("counter", 1, 2, "wall"), _W("range_hood", 0, 1, "above", "counter", 1.55),
             _W("refrigerator", 1, 1, "wall"), _W("sink", 1, 1, "wall"), _W("cabinet", 0, 1, "wall"),
             _W("table", 0, 1, "free"), _W("chair", 1, 3, "around", "table"), _W("stool", 0, 1, "corner"),
             _W("bin", 0, 1, "corner")),
        ),
        "Living room / Lounge": SceneType(
            (4.2, 6.0), (3.5, 5.0), 0.35, (1, 3), palette.WOOD, False,
            (_W("sofa", 1, 2, "wall"), _W("tv_stand", 1, 1, "wall"), _W("display", 0, 1, "on", "tv_stand"),
             _W("table", 1, 1, "before", "sofa", 0.0, (0.7, 1.1)), _W("bookshelf", 0, 1, "wall"),
             _W("mantel", 0, 1, "wall"), _W("piano", 0, 1, "wall"), _W("pillow", 0, 2, "on", "sofa"),
             _W("lamp", 0, 1, "corner"), _W("plant", 0, 1, "corner"), _W("picture", 0, 2, "hung", "", 1.3),
             _W("curtain", 0, 1, "window"), _W("guitar", 0, 1, "corner"), _W("rug", 0, 1, "free")),
        ),
        "Lobby": SceneType(
            (5.0, 7.0), (4.2, 5.6), 0.3, (1, 3), palette.STONE, True,
            (_W("sofa", 1, 2, "free"), _W("bench", 1, 2, "wall"), _W("plant", 2, 3, "corner"),
             _W("table", 0, 1, "free", "", 0.0, (0.7, 1.1)), _W("vase", 0, 1, "on", "table"),
             _W("picture", 0, 2, "hung", "", 1.3), _W("rug", 0, 1, "free"), _W("flower_pot", 0, 2, "corner")),
        ),
        "Office": SceneType(
            (3.2, 5.0), (2.9, 4.2), 0.25, (1, 2), palette.FABRIC, False,
            (_W("desk", 1, 2, "wall"), _W("chair", 1, 2, "before", "desk"), _W("monitor", 1, 2, "on", "desk"),
             _W("keyboard", 0, 2, "on", "desk"), _W("bookshelf", 0, 1, "wall"), _W("cabinet", 0, 1, "wall"),
             _W("lamp", 0, 1, "corner"), _W("bin", 1, 1, "corner"), _W("plant", 0, 1, "corner"),
             _W("whiteboard", 0, 1, "hung", "", 0.95), _W("bag", 0, 1, "corner")),
        ),
    }
)  # fmt: skip
