"""What the alignment of objects may be told: the ``objective`` section of a run (CrossOver spec 3.1, 3.2, 4, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat

from concord3d.config.validation import Where, validate
from concord3d.methods.settings import EXTRACTOR, MethodSettings
from concord3d.models.forward_pass import ForwardPass
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES, InstanceEncoderShape

ANCHOR = "image"


class CrossOverInstanceSettings(MethodSettings):
    """Settings of the alignment of objects; the defaults are Instance CrossOver with clean masks.

    Attributes:
        spatial: Whether the objects of a scan see one another and are told apart within it (Instance CrossOver), or
            objects are drawn from all scans and told apart within the batch (Instance Baseline).
        all_pairs: Whether all modalities meet, not pictures and each other one alone.
        temperature: tau at the start.
        learn_temperature: Whether it is trained, as the paper says, or stays, as released.
        cad_locations: Whether the locations of CAD models in their own frames are added to their features, as released.
        release_quirks: Whether objects without a modality are candidates of the loss, and those that fill up a batch
            take part in the largest distance of a scan, as released.
    """

    data: ClassVar[str] = "scan_objects"
    saved: ClassVar[tuple[str, ...]] = ("objects",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.crossover_instance.method"
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = None
    encoders: ClassVar[tuple[str, ...] | None] = ("instance_encoder",)
    least_batch: ClassVar[int] = 1

    spatial: bool = True
    all_pairs: bool = False
    temperature: PositiveFloat = 0.07
    learn_temperature: bool = False
    cad_locations: bool = False
    release_quirks: bool = False

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section; see :class:`InstanceEncoderShape`."""
        validate(InstanceEncoderShape, dict(encoder), where)
        return ("concord3d.models.instance_encoder",)

    @property
    def roles(self) -> tuple[str, ...]:
        """The training whose point encoder has seen the objects."""
        return (EXTRACTOR,)

    @property
    def loose_objects(self) -> bool:
        """Whether it reads objects of all scans one by one, not the objects of a scan together."""
        return not self.spatial

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The modalities that meet."""
        every = tuple(combinations(OBJECT_MODALITIES, 2))
        return every if self.all_pairs else tuple(pair for pair in every if pair[0] == ANCHOR)

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """The encoder on the objects of one scan, or on one object."""
        arguments = {"encoder": dict(run["encoder"]), "spatial": self.spatial}
        name = "instance_encoder" if self.spatial else "instance_heads"
        return (ForwardPass(name, "concord3d.models.scan_examples:of_objects", arguments),)


SETTINGS = CrossOverInstanceSettings
