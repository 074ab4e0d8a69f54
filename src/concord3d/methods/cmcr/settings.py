"""What a distillation of pictures into a LiDAR encoder may be told: the ``objective`` section of a run."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from concord3d.methods.settings import SweepMethodSettings

Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class CMCRSettings(SweepMethodSettings):
    """Settings of a distillation; with every part switched off it is PPKT, or SLidR where superpixels are contrasted.

    Attributes:
        occupancy: Whether occupancy and intensity near the points are estimated (C).
        masked_pictures: Whether masked pictures are reconstructed (D).
        decoupled: Whether shared and specific features have heads of their own, kept apart (E).
        codebook: Whether both modalities' shared features are quantised by one codebook (F).
        geometry: Whether masked pixels take the quantised features of the voxels that they show (G).
        contrast: What is contrasted: ``pixels`` with the points that they show, or means over ``superpixels`` and over
            the points in them, for which shared features of whole pictures are computed.
        feature_width: Channels of all heads.
        temperature: tau of the contrast.
        num_pairs: Pairs of a point and a pixel that are contrasted, n; a contrast of superpixels takes all.
        queries_per_sweep: Places of each sweep whose occupancy is estimated.
        num_codes: Codes.
        code_decay: gamma of the averages behind the codes.
        commitment: beta.
        revive_codes: Whether codes that nobody chooses are put beside others.
        patch: Side of a masked patch in pixels of the network's input.
        mask_probability: Of a picture to be masked.
        mask_ratio: Of each of its patches to be hidden.
        occupancy_weight: Weight of the occupancy loss.
        intensity_weight: Weight of the intensity loss.
        picture_weight: Weight of the reconstruction of pictures.
        orthogonality_weight: Weight of the orthogonality of voxels' features.
        orthogonality_rows: Number of voxels to which the sum over voxels is scaled; null leaves it as released.
        picture_orthogonality_weight: Weight of the orthogonality of pixels' features, on as many pixels as voxels.
        matching_weight: Weight of code matching.
        kl_weight: Weight of the term that draws voxels' specific features towards a standard normal.
    """

    saved: ClassVar[tuple[str, ...]] = ("point", "distillation")
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.cmcr.network"
    encoders: ClassVar[tuple[str, ...] | None] = ("mink_unet", "voxel_net")

    occupancy: bool = False
    masked_pictures: bool = False
    decoupled: bool = False
    codebook: bool = False
    geometry: bool = False
    contrast: Literal["pixels", "superpixels"] = "pixels"
    feature_width: PositiveInt = 64
    temperature: PositiveFloat = 0.07
    num_pairs: PositiveInt = 2048
    queries_per_sweep: PositiveInt = 2048
    num_codes: PositiveInt = 400
    code_decay: float = Field(default=0.999, ge=0, lt=1)
    commitment: Weight = 0.25
    revive_codes: bool = False
    patch: PositiveInt = 16
    mask_probability: Share = 0.5
    mask_ratio: Share = 0.5
    occupancy_weight: Weight = 1.0
    intensity_weight: Weight = 1.0
    picture_weight: Weight = 1.0
    orthogonality_weight: Weight = 0.1
    orthogonality_rows: PositiveInt | None = None
    picture_orthogonality_weight: Weight = 0.0
    matching_weight: Weight = 1.0
    kl_weight: Weight = 0.0

    @model_validator(mode="after")
    def _fits(self) -> CMCRSettings:
        if self.geometry and not (self.codebook and self.masked_pictures):
            raise ValueError(
                "'geometry' replaces quantised features of masked pixels: it needs codebook, masked_pictures"
            )
        if self.decoupled and not (self.occupancy or self.masked_pictures):
            raise ValueError("'decoupled' needs a task for specific features: occupancy or masked_pictures")
        return self

    @property
    def num_queries(self) -> int:
        """Queries that are drawn of each sweep."""
        return self.queries_per_sweep if self.occupancy else 0

    @property
    def reads_superpixels(self) -> bool:
        """Whether superpixels are contrasted."""
        return self.contrast == "superpixels"


SETTINGS = CMCRSettings
