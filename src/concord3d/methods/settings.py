"""What a method says of itself before anything is trained: read without torch, by the plan of all jobs.

A method is a package ``concord3d.methods.<name>`` with two modules: ``settings``, whose ``SETTINGS`` is the model of
its ``objective`` section, and ``method``, whose ``build(settings, context)`` returns the method itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from concord3d.config.validation import Places, StrictModel, Where, validate
from concord3d.errors import ConfigError
from concord3d.models.encoder_settings import PACKAGE as ENCODERS
from concord3d.models.encoder_settings import encoder_settings
from concord3d.models.forward_pass import ForwardPass, point_pass
from concord3d.named_modules import load_named, module_names

PACKAGE = "concord3d.methods"
NOT_METHODS = (
    "alignment_gate",
    "alignment_settings",
    "image_augment",
    "interface",
    "settings",
    "tower_objects",
    "untrained",
)
# Role of the earlier training that a method takes its first weights from.
INIT = "init"
# Role of the earlier training whose point encoder encodes the objects of scans.
EXTRACTOR = "extractor"
# Role of the training of the frozen tower that ``data.tower`` names.
TOWER = "tower"


class MethodSettings(StrictModel):
    """Base of each method's settings.

    Attributes:
        data: Kind of data that it reads: a module of :mod:`concord3d.batches`.
        saved: Names of the modules that a training keeps; each has a file of weights of its own.
        rebuilt_by: Module whose ``rebuilt(run, name, weights)`` builds a saved module; None where it is the run's point
            encoder.
        reports: Names of the JSON files that it leaves besides.
        exports: Whether it leaves arrays of epochs, such as pseudo-labels.
        is_trained: Whether there is anything to train; a method that is not trained saves what it builds.
        reads_data: Whether it reads data, which one that is not trained may do for their statistics.
        starts_fitted: Whether what it builds is of use before the first step, so that a training may have no epoch.
        through_tower: Whether it is made of the tower that ``data.tower`` names; the tower's training is then among
            its earlier trainings, in the role ``tower``.
        takes_released: Whether that tower may also be a released one, which has no training here.
        sees_patches: Whether the picture encoder of that tower must have patch tokens.
        shows_clouds: Whether that tower sees pictures of clouds, which must then have as many points as those that it
            was trained on.
        least_batch: Units that a step needs: two where batch normalisation meets one row per unit.
        draws: Whether anything is drawn at random; where nothing is, one seed says all.
        encoders: Names of the point encoders that it trains; None for any.
        encodes: What these encode, ``clouds`` of equal length or ``sweeps`` of any; None for both.
    """

    data: ClassVar[str] = "objects"
    saved: ClassVar[tuple[str, ...]] = ("point",)
    rebuilt_by: ClassVar[str | None] = None
    reports: ClassVar[tuple[str, ...]] = ()
    exports: ClassVar[bool] = False
    is_trained: ClassVar[bool] = True
    reads_data: ClassVar[bool] = True
    starts_fitted: ClassVar[bool] = False
    through_tower: ClassVar[bool] = False
    takes_released: ClassVar[bool] = False
    sees_patches: ClassVar[bool] = False
    shows_clouds: ClassVar[bool] = False
    least_batch: ClassVar[int] = 2
    draws: ClassVar[bool] = True
    encoders: ClassVar[tuple[str, ...] | None] = None
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = "clouds"

    @property
    def never_seen(self) -> tuple[str, ...]:
        """Names of classes that what is trained has certainly not seen; most methods cannot say."""
        return ()

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the run's ``encoder`` section, and return the modules that build what it names.

        A method that trains something else than one point encoder says here what the section may hold.

        Args:
            encoder: The section.
            where: Place for messages.

        Raises:
            ConfigError: An unknown name or key, an impossible value, or an encoder that the method does not train.
        """
        parsed = encoder_settings(encoder, where)
        of_another_kind = cls.encodes is not None and parsed.encodes != cls.encodes
        if of_another_kind or (cls.encoders is not None and encoder["name"] not in cls.encoders):
            raise ConfigError(
                "The method trains another kind of encoder",
                where=where.of(("name",)) if isinstance(where, Places) else f"{where}.name",
                expected=f"an encoder of {cls.encodes}" if cls.encoders is None else " or ".join(cls.encoders),
                found=encoder["name"],
            )
        return (f"{ENCODERS}.{encoder['name']}", parsed.builder.partition(":")[0])

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of the earlier trainings that it learns from, such as ``teacher``."""
        return ()

    def check_tower(self, data: Mapping[str, Any], tower: Mapping[str, Any], where: Where = "data") -> None:
        """Refuse a tower that it cannot be made of; called for a tower that is trained here.

        Args:
            data: The run's ``data`` section.
            tower: Resolved configuration of the tower's training.
            where: Place of the section, for messages.

        Raises:
            ConfigError: The tower was trained otherwise than the section says.
        """

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """Return which networks meet each unit in one epoch, that of the saved modules first; for estimates of work.

        By default the point encoder that the run names meets it once. A method with other networks says so here; of one
        that says nothing the work is not known.

        Args:
            run: Resolved configuration.
        """
        named = "name" in run["encoder"] and "num_points" in run["data"]
        return (point_pass(run),) if named and self.is_trained else ()


class ObjectMethodSettings(MethodSettings):
    """Base of the settings of methods that read single objects.

    Attributes:
        reads_targets: Whether it reads features of frozen towers, and colours with them.
        reads_parts: Whether it reads part labels of points.
    """

    reads_targets: ClassVar[bool] = False
    reads_parts: ClassVar[bool] = False

    @property
    def num_views(self) -> int:
        """Rendered views that it reads of each object."""
        return 0


class SweepMethodSettings(MethodSettings):
    """Base of the settings of methods that read sweeps with pictures, and no label."""

    data: ClassVar[str] = "sweeps"
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = "sweeps"

    @property
    def num_queries(self) -> int:
        """Places of each sweep whose occupancy it reads."""
        return 0

    @property
    def reads_superpixels(self) -> bool:
        """Whether it reads superpixels of the pictures."""
        return False


class RoomMethodSettings(MethodSettings):
    """Base of the settings of methods that read blocks of rooms.

    Attributes:
        left_out_area: Area of the building that is not trained on, out of all splits of the data set; null trains on
            the training split.
    """

    data: ClassVar[str] = "rooms"

    left_out_area: PositiveInt | None = None


class StartedMethodSettings(MethodSettings):
    """Base of the settings of methods that start from random weights or from those of an earlier training.

    Attributes:
        start: ``scratch`` starts from random weights, ``earlier`` from the encoder of the training in the role
            ``init``.
    """

    start: Literal["scratch", "earlier"] = "scratch"

    @property
    def roles(self) -> tuple[str, ...]:
        """The role ``init``, if it starts from an earlier training."""
        return (INIT,) if self.start == "earlier" else ()


class LabelMethodSettings(StartedMethodSettings):
    """Base of the settings of methods that learn labels with a smoothed cross-entropy.

    Attributes:
        start: See :class:`StartedMethodSettings`.
        label_smoothing: Mass of the target that the wrong classes share.
    """

    label_smoothing: float = Field(default=0.2, ge=0, lt=1)


def method_names() -> tuple[str, ...]:
    """Return the names of the methods."""
    return tuple(name for name in module_names(PACKAGE) if name not in NOT_METHODS)


def method_kind(name: str, where: object = "method") -> type[MethodSettings]:
    """Return the model of a method's settings.

    Raises:
        ConfigError: There is no such method; the nearest name is given.
    """
    load_named(PACKAGE, "method", name, where, NOT_METHODS)
    kind: type[MethodSettings] = import_module(f"{PACKAGE}.{name}.settings").SETTINGS
    return kind


def method_settings(name: str, objective: Mapping[str, Any], where: Where = "objective") -> MethodSettings:
    """Validate the ``objective`` section of a run.

    Args:
        name: The method.
        objective: Keys and values as configured.
        where: Place for messages.

    Raises:
        ConfigError: There is no such method, a key is unknown (the nearest valid one is named), or a value is
            impossible.
    """
    return validate(method_kind(name), dict(objective), where)
