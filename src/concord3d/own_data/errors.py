"""Named errors of data that the user brings."""

from __future__ import annotations

from concord3d.errors import ConcordError


class OwnDataError(ConcordError):
    """Something about data of the user; see the subclasses."""


class NoItems(OwnDataError):
    """A folder holds no mesh and no cloud, or none that can be used."""


class MixedKinds(OwnDataError):
    """A folder holds things of different kinds: meshes beside clouds, or files with and without a class."""


class LonelyClasses(OwnDataError):
    """Classes have one member, which cannot be in the training split and in the test split."""
