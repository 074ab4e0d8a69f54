"""Nodes of what frozen encoders make of scans: pictures and texts once for all, clouds by a training's encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concord3d.config.validation import require_known
from concord3d.data.manifest import sampled_digest
from concord3d.errors import ConfigError
from concord3d.features.scan_encoders import GIVEN, weights_checksums
from concord3d.files import content_hash
from concord3d.methods.settings import EXTRACTOR
from concord3d.workflow.data_nodes import DataNodes
from concord3d.workflow.node import Made
from concord3d.workflow.training_nodes import MadeTraining

if TYPE_CHECKING:
    from concord3d.workflow.training_inputs.scan_objects import ScanFeatureSettings

ENCODE = "workflow_scripts/encode.py"
# Jobs may make pictures and texts of all data sets together.
_JOB = "scans"
_POINT = "point"


def encoded_scans(
    data: DataNodes,
    paper: str,
    dataset: str,
    split: str,
    told: ScanFeatureSettings,
    needs: Mapping[str, MadeTraining],
) -> dict[str, Made]:
    """Return what frozen encoders make of a split.

    Args:
        data: Makes the nodes of stores.
        paper: The paper that reads it; what a training's encoder makes belongs to it.
        dataset: The data set.
        split: Its split.
        told: How the encoders see scans.
        needs: Earlier trainings by role.

    Returns:
        ``pictures``, ``texts`` and ``points``.

    Raises:
        ConfigError: There is no training in the role ``extractor``, it keeps no point encoder, another one encodes the
            clouds of an earlier training, or a published encoder is named besides.
    """
    return {
        "pictures": _frozen(
            data,
            dataset,
            split,
            "scan_pictures",
            told.picture_encoder,
            {"picture_size": told.picture_size, "crop_levels": told.crop_levels},
        ),
        "texts": _frozen(
            data,
            dataset,
            split,
            "scan_texts",
            told.sentence_encoder,
            {"scene_referrals": told.scene_referrals, "referral_seed": told.referral_seed},
        ),
        "points": _clouds(data, paper, dataset, split, told, needs),
    }


def extractor_of(paper: str, needs: Mapping[str, MadeTraining]) -> MadeTraining:
    """Return the training whose point encoder encodes the clouds of objects.

    Args:
        paper: The paper that reads them, for messages.
        needs: Earlier trainings by role.

    Raises:
        ConfigError: See :func:`encoded_scans`.
    """
    if EXTRACTOR not in needs:
        raise ConfigError(
            f"Clouds of scans are encoded by an earlier training in the role '{EXTRACTOR}', and there is none",
            where=paper,
            expected=f"needs: {{{EXTRACTOR}: <experiment>}}, or data.point_encoder",
            found=", ".join(needs) or "no needs",
        )
    extractor = needs[EXTRACTOR]
    require_known(_POINT, extractor.settings.saved, "saved module", f"{extractor.node}, in the role {EXTRACTOR}")
    for role, earlier in needs.items():
        other = earlier.needs.get(EXTRACTOR, extractor)
        if other.node != extractor.node:
            raise ConfigError(
                f"The training in the role '{role}' knows clouds as another encoder sees them",
                where=f"{paper}: needs",
                expected=f"{EXTRACTOR}: {other.node}",
                found=extractor.node,
            )
    return extractor


def _frozen(data: DataNodes, dataset: str, split: str, kind: str, encoder: str, own: Mapping[str, Any]) -> Made:
    """Return what an encoder that no training here has touched makes of a split."""
    told = {"encoder": encoder, **own}
    given = data.layout.given_features(encoder, dataset, split) if encoder in GIVEN else None
    recipe = {**told, "kind": kind, "weights_sha256": weights_checksums(encoder), "given": _digest(data.root, given)}
    of = f"{dataset}__{split}__{kind}__{content_hash(told)[:8]}"
    made = data.graph.add_node(
        f"features/frozen/{encoder}/{of}",
        "towers",
        recipe,
        [ENCODE, f"concord3d.features.encode.{kind}"],
        {"scans": [data.store(dataset, split)]},
        [data.layout.frozen_features(encoder, name) for name in (f"{of}.npz", f"{of}.run.json")],
        {**told, **_common(data, kind), "given": None if given is None else str(given)},
        data.batching.features(_JOB, of),
    )
    return Made(made.node, made.files[:1])


def _clouds(
    data: DataNodes,
    paper: str,
    dataset: str,
    split: str,
    told: ScanFeatureSettings,
    needs: Mapping[str, MadeTraining],
) -> Made:
    """Return what is made of clouds by the training in the role ``extractor``, or by the published encoder named."""
    if told.point_encoder is None:
        return _points(data, paper, dataset, split, told, extractor_of(paper, needs))
    if EXTRACTOR in needs:
        raise ConfigError(
            f"Clouds of scans are encoded by '{told.point_encoder}' and by a training in the role '{EXTRACTOR}'",
            where=f"{paper}: data.point_encoder",
            expected="one of them",
            found=needs[EXTRACTOR].node,
        )
    return _frozen(data, dataset, split, "scan_points", told.point_encoder, {})


def _digest(root: Path, given: Path | None) -> str | None:
    """Return what tells a file of features from another; None where there is none (yet)."""
    return None if given is None or not (root / given).is_file() else sampled_digest(root / given)


def _points(
    data: DataNodes, paper: str, dataset: str, split: str, told: ScanFeatureSettings, extractor: MadeTraining
) -> Made:
    """Return what the point encoder of a training makes of a split."""
    kind = "scan_points"
    clouds = {
        "num_points": told.cloud_points,
        "min_points": told.min_points,
        "y_up": told.y_up,
        "seed": told.cloud_seed,
    }
    encoder = extractor.node.replace("/train/", "__").replace("/", "__")
    of = f"{dataset}__{split}__{kind}__{content_hash(clouds)[:8]}"
    made = data.graph.add_node(
        f"{paper}/features/{encoder}__{of}",
        paper,
        {"clouds": clouds, "kind": kind, "encoder": extractor.run["encoder"]},
        [ENCODE, f"concord3d.features.encode.{kind}", *extractor.modules],
        {
            "scans": [data.store(dataset, split)],
            "extractor": [extractor.made(extractor.files.weights(_POINT))],
        },
        [data.layout.scan_points(paper, f"{encoder}__{of}{suffix}") for suffix in (".npz", ".run.json")],
        {
            "clouds": clouds,
            "run": dict(extractor.run),
            "rebuilt_by": extractor.settings.rebuilt_by,
            **_common(data, kind),
        },
        data.batching.features(f"{paper}_{encoder}", of),
    )
    return Made(made.node, made.files[:1])


def _common(data: DataNodes, kind: str) -> dict[str, Any]:
    return {"kind": kind, "store": str(data.layout.feature_store), "width": None}
