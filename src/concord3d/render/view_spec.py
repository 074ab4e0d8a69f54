"""Which pictures a set of views holds, and the cameras behind each named set."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from concord3d.errors import ConfigError, nearest
from concord3d.geometry.cameras import Cameras, orbit_cameras

# Raise a renderer's number whenever its pictures change: stored views of the old number are then made anew.
RENDERER_VERSIONS = {"open3d": 1, "pytorch3d": 1, "points": 1, "images": 1}
PHOTO_VERSION = 1
RING_SIZES = {"ring24": 24, "ring12": 12}
# Names for the rings with the content "photo".
PHOTO_SETS = {"photo24": "ring24", "photo12": "ring12"}
POINTCLIP_V2 = "pointclip_v2_10"
# Sets of bare points: which of PointCLIP V2's ten views each holds (:mod:`concord3d.render.points`).
POINT_SETS: dict[str, tuple[int, ...]] = {POINTCLIP_V2: tuple(range(10)), "pointclip_v2_6": (0, 1, 2, 4, 5, 6)}
# Sets of pictures that came with a data set, whose reader names one as its `picture_set`: pictures per object.
STORED_SETS = {"r2n2_24": 24, "frames_10": 10, "ulip_60": 60}
VIEW_SETS = (*RING_SIZES, *POINT_SETS, *STORED_SETS)
VIEW_SET_NAMES = (*VIEW_SETS, *PHOTO_SETS)
MIN_PIXELS = 16
CONTENTS = {"color": 3, "depth": 1, "photo": 3}


@dataclass(frozen=True)
class ViewSpec:
    """A description of a set of views; it is part of the identity of every stored picture.

    Attributes:
        view_set: A ring (``RING_SIZES``), a set of bare points (``POINT_SETS``) or one of pictures that came with a
            data set (``STORED_SETS``).
        image_size: H = W in pixels.
        content: ``color`` (3 channels), ``photo`` (the same with light and background of a photograph, see
            :mod:`concord3d.geometry.photo`) or ``depth`` (1 channel, near dark, background white).
        renderer: ``open3d``, ``pytorch3d`` (meshes), ``points`` (clouds) or ``images`` (nothing is drawn).
        seed: Seed of the elevations of ``ring24`` and, with each object's own hash, of photographs.
    """

    view_set: str
    image_size: int = 64
    content: str = "color"
    renderer: str = "open3d"
    seed: int = 0

    def __post_init__(self) -> None:
        for key, value, valid in (
            ("view_set", self.view_set, VIEW_SETS),
            ("content", self.content, tuple(CONTENTS)),
            ("renderer", self.renderer, tuple(RENDERER_VERSIONS)),
        ):
            if value not in valid:
                raise ConfigError(
                    f"Unknown {key}{nearest(value, valid)}", where=key, expected=", ".join(valid), found=value
                )
        if self.image_size < MIN_PIXELS:
            raise ConfigError(
                "The image is too small", where="image_size", expected=f">= {MIN_PIXELS}", found=self.image_size
            )
        if self.renderer == "points" and self.content != "depth":
            raise ConfigError("Bare points have no colour", where="content", expected="depth", found=self.content)
        if self.view_set in POINT_SETS and self.renderer != "points":
            raise ConfigError(
                f"{self.view_set} draws bare points", where="renderer", expected="points", found=self.renderer
            )
        if self.content == "photo" and self.renderer not in ("open3d", "pytorch3d"):
            raise ConfigError(
                "Photographs are made of drawn meshes", where="content", expected="color", found=self.content
            )
        if self.view_set in STORED_SETS and self.renderer != "images":
            raise ConfigError(
                f"{self.view_set} are stored images", where="renderer", expected="images", found=self.renderer
            )
        if self.renderer == "images" and self.view_set not in STORED_SETS:
            expected = " or ".join(STORED_SETS)
            raise ConfigError(
                "These views are drawn, not stored", where="view_set", expected=expected, found=self.view_set
            )

    @property
    def num_views(self) -> int:
        """Pictures per object."""
        of_points = {name: len(views) for name, views in POINT_SETS.items()}
        return {**STORED_SETS, **of_points, **RING_SIZES}[self.view_set]

    @property
    def channels(self) -> int:
        """Channels per picture: 3 for colour and photographs, 1 for depth."""
        return CONTENTS[self.content]

    def identity(self) -> dict[str, str | int]:
        """Return everything that decides the pictures, with the version of the renderer."""
        photo = {"photo_version": PHOTO_VERSION} if self.content == "photo" else {}
        return {**asdict(self), "renderer_version": RENDERER_VERSIONS[self.renderer], **photo}

    def cameras(self) -> Cameras:
        """Return the cameras of a ring.

        ``ring24`` stands every 15 degrees at elevations drawn once from [25, 30] (MM-Point spec 1.1);
        ``ring12`` every 30 degrees at elevation 30, as MVCNN's ring does.

        Raises:
            ConfigError: The set has no pinhole cameras.
        """
        if self.view_set == "ring24":
            elevation = np.random.default_rng(self.seed).uniform(25.0, 30.0, 24)
            return orbit_cameras(np.arange(24) * 15.0, elevation, image_size=self.image_size)
        if self.view_set == "ring12":
            return orbit_cameras(np.arange(12) * 30.0, 30.0, image_size=self.image_size)
        raise ConfigError("This set of views is a projection without cameras", where="view_set", found=self.view_set)


def mesh_view_spec(
    view_set: str = "ring24", image_size: int = 64, *, renderer: str = "open3d", seed: int = 0
) -> ViewSpec:
    """Return the usual specification for meshes: colour pictures."""
    return ViewSpec(view_set, image_size, "color", renderer, seed)


def cloud_view_spec(view_set: str = POINTCLIP_V2, image_size: int = 64, *, seed: int = 0) -> ViewSpec:
    """Return the usual specification for bare clouds: depth pictures of points."""
    return ViewSpec(view_set, image_size, "depth", "points", seed)


def image_view_spec(view_set: str, image_size: int = 224) -> ViewSpec:
    """Return the specification of the pictures that came with a data set, one of ``STORED_SETS``.

    ``r2n2_24`` are 3D-R2N2's renders of ShapeNet (MM-Point spec 1.1), ``frames_10`` are ten frames of the video that an
    object was scanned with, ``ulip_60`` are ULIP's renders of ShapeNet-55, thirty in colour, then thirty depth maps
    (Cross-MoST spec 1.2).
    """
    return ViewSpec(view_set, image_size, "color", "images")


def view_spec(view_set: str, image_size: int, renderer: str = "open3d") -> ViewSpec:
    """Return the usual specification of a named set of views; ``photo12`` is ``ring12`` as photographs.

    Args:
        view_set: A ring, a ring of photographs, a set of bare points or of stored images.
        image_size: H = W in pixels.
        renderer: What draws meshes; sets of bare points and of stored images do without it.

    Raises:
        ConfigError: There is no such set or renderer.
    """
    if view_set in PHOTO_SETS:
        return ViewSpec(PHOTO_SETS[view_set], image_size, "photo", renderer)
    if view_set not in VIEW_SETS:
        raise ConfigError(
            f"Unknown view_set{nearest(view_set, VIEW_SET_NAMES)}",
            where="view_set",
            expected=", ".join(VIEW_SET_NAMES),
            found=view_set,
        )
    if view_set in POINT_SETS:
        return cloud_view_spec(view_set, image_size)
    if view_set in STORED_SETS:
        return image_view_spec(view_set, image_size)
    return mesh_view_spec(view_set, image_size, renderer=renderer)
