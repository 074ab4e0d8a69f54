"""Files of a training on objects of scans: stores, and what frozen encoders make of pictures, texts and clouds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from concord3d.config.study import joined_datasets
from concord3d.config.validation import Where, validate
from concord3d.features.scan_encoders import known_picture_encoder, known_point_encoder, known_sentence_encoder
from concord3d.methods.settings import MethodSettings
from concord3d.models.scan_encoder_forms import ObjectModality
from concord3d.workflow.node import Made
from concord3d.workflow.scan_nodes import encoded_scans
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import DataSettings, Pixels
from concord3d.workflow.training_nodes import MadeTraining

Modality = Literal[ObjectModality, "floorplan"]
Share = Annotated[float, Field(gt=0, le=1)]


class ScanFeatureSettings(DataSettings):
    """How frozen encoders see scans (CrossOver spec 1.5, 2).

    Attributes:
        picture_encoder: Of objects' crops, key frames and floorplans, by name; features of a published one that does
            not run here are given as files (:mod:`concord3d.features.scan_encoders`).
        picture_size: Pixels of each side that it sees.
        crop_levels: Crops of an object in a frame, each wider than the one before.
        sentence_encoder: Of the referrals, by name; see ``picture_encoder``.
        scene_referrals: Referrals that are joined into the text of a scene.
        referral_seed: Decides which.
        point_encoder: Of objects' clouds and CAD models, a published one whose features are given as files; null takes
            that of the training in the role ``extractor``.
        cloud_points: Points of an object or of a CAD model that the point encoder of the training in the role
            ``extractor`` sees.
        min_points: Objects with fewer vertices have no cloud.
        y_up: Whether vertices are turned to y up, as the clouds are that this encoder has learnt from.
        cloud_seed: Decides which points are drawn.
    """

    picture_encoder: Annotated[str, AfterValidator(known_picture_encoder)]
    picture_size: Pixels
    crop_levels: PositiveInt = 3
    sentence_encoder: Annotated[str, AfterValidator(known_sentence_encoder)]
    scene_referrals: PositiveInt = 10
    referral_seed: int = Field(default=0, ge=0)
    point_encoder: Annotated[str, AfterValidator(known_point_encoder)] | None = None
    cloud_points: PositiveInt = 1024
    min_points: PositiveInt = 50
    y_up: bool = True
    cloud_seed: int = Field(default=0, ge=0)


class ScanSettings(ScanFeatureSettings):
    """What of the scans a training sees.

    Attributes:
        modalities: Those of a data set that are seen, by data set; of others all that there are.
        dropped: Probability with which a modality is hidden of a unit each time that it is read.
        only: Shares of the scans by modality, together 1: in each of these parts one of the modalities is seen and the
            others that are named are hidden (CrossOver, Table 4).
        tower: The aligned tower whose projections a method averages that is made of one; no other method reads it.
    """

    modalities: dict[str, list[Modality]] = {}
    dropped: dict[Modality, Share] = {}
    only: dict[Modality, Share] = {}
    tower: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> ScanSettings:
        if self.only and abs(sum(self.only.values()) - 1) > 1e-6:
            raise ValueError("the shares of 'only' do not add up to 1")
        return self


SETTINGS = ScanSettings


def inputs(
    run: Mapping[str, Any], settings: MethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name, one of each per data set.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores.
        needs: Earlier trainings by role; that in the role ``extractor`` encodes clouds.

    Raises:
        ConfigError: There is no such training, it keeps no point encoder, or another one encodes the clouds of a
            training that this one learns from.
    """
    sets = joined_datasets(run["pretrain"]["dataset"])
    told = feature_settings(run)
    encoded = [encoded_scans(sources.data, run["paper"], name, "train", told, needs) for name in sets]
    stores = {"scans": [sources.data.store(name, "train") for name in sets]}
    return {**stores, **{kind: [each[kind] for each in encoded] for kind in encoded[0]}}


def feature_settings(run: Mapping[str, Any], where: Where = "data") -> ScanFeatureSettings:
    """Return how the encoders of a training see scans, the defaults filled in.

    Args:
        run: Resolved configuration.
        where: Place of its ``data`` section, for messages.

    Raises:
        ConfigError: It does not say which encoders, as where the method reads no scans.
    """
    known = ScanFeatureSettings.model_fields
    return validate(ScanFeatureSettings, {key: value for key, value in run["data"].items() if key in known}, where)
