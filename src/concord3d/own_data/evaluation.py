"""The protocols of the papers on data of the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from concord3d.config.validation import require_known
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import EvaluationError
from concord3d.features.clouds import cloud_channels
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.own_data.reading import OwnData
from concord3d.own_data.splitting import SeededSplit, require_classes, train_and_test
from concord3d.pretrained.encoder import PretrainedEncoder
from concord3d.protocols.evaluation.feature_memo import FeatureMemo
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.evaluation.tower_features import TowerFeatures
from concord3d.protocols.loading import load_protocol, parse

# Protocols of frozen features that need no pictures, and whether they learn from a training split.
OFFERED = {
    "few_shot": True,
    "few_shot_probe": True,
    "knn": True,
    "linear_probe": True,
    "linear_svm": True,
    "retrieval": False,
    "zero_shot": False,
}
# What a paper reports besides, and what would choose a checkpoint on the test split of the user.
_LEFT_OUT: Mapping[str, Mapping[str, Any]] = {"linear_svm": {"as_published": False, "curve_costs": ()}}


@dataclass(frozen=True)
class OwnEvaluation:
    """What a protocol says of an encoder on data of the user.

    Attributes:
        protocol: The protocol.
        settings: Its settings, complete.
        dataset: Name of the data.
        encoder: Name of the encoder.
        result: What was measured.
        said: What was decided for it, one sentence each.
    """

    protocol: str
    settings: Mapping[str, Any]
    dataset: str
    encoder: str
    result: ProtocolResult
    said: tuple[str, ...]

    def value(self, metric: str) -> float:
        """Return a number by its name, such as ``overall_accuracy``.

        Raises:
            ConfigError: There is no such metric; the nearest is given.
        """
        values = {record.metric: record.value for record in self.result.records}
        require_known(metric, values, "metric", self.protocol)
        return values[metric]


@dataclass(frozen=True)
class _OwnJob(EvaluationJob):
    """A job on an encoder that is built already."""

    encoder: nn.Module | None = None

    def load_module(self, weights: Path | None = None) -> nn.Module:
        assert self.encoder is not None
        return self.encoder


class _OneEncoder(FeatureMemo):
    """Features of one encoder, whose weights need not be told apart."""

    def digest(self, weights: Path) -> str:
        return ""


def evaluate_data(
    data: OwnData,
    encoder: PretrainedEncoder,
    protocol: str,
    settings: Mapping[str, Any] | None = None,
    split: SeededSplit | None = None,
    device: str = "cpu",
) -> OwnEvaluation:
    """Measure an encoder by a protocol.

    The settings are those of the encoder's paper where it has the protocol, else the protocol's own, each replaced by
    what is given here.

    Args:
        data: The clouds.
        encoder: The encoder.
        protocol: One of :data:`OFFERED`.
        settings: Settings to replace.
        split: How data without splits are split.
        device: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        ConfigError: The protocol is not offered, with the nearest that is, or a setting is unknown or impossible.
        EvaluationError: The data have no classes, too few, or the encoder is aligned with no tower.
        LonelyClasses: A class has one member, and a training split is needed.
        BadCloud: Clouds have fewer points than the protocol reads.
    """
    require_possible(encoder, protocol)
    device = str(resolve_device(device))
    train: CloudSplit | None = None
    if OFFERED[protocol]:
        train, test, said = train_and_test(data, split or SeededSplit())
    else:
        test = data.splits.get("test", data.all)
        require_classes(test)
        said = f"split: all {len(test)} of '{test.split}' are tested"
    values, fitted = _fitting(protocol, encoder, settings or {}, train, test)
    tower = TowerFeatures()
    if "classes" in load_protocol(protocol).needs:
        tower = TowerFeatures(encoder.class_features(test.class_names, device))
    parsed = parse(protocol, values, f"settings of protocol '{protocol}'")
    job = _OwnJob(
        run_config=encoder.run,
        model_path=encoder.weights or Path(encoder.name),
        snapshot_paths=(),
        train=train,
        test=test,
        protocol=protocol,
        settings=values,
        out=Path(protocol),
        device=device,
        tower=tower,
        memo=_OneEncoder(),
        encoder=encoder.module,
    )
    result = load_protocol(protocol).run(job, parsed)
    colors = () if test.colors is None or cloud_channels(encoder.module) == 6 else ("colours: the encoder reads none",)
    complete = parsed.model_dump(mode="json")
    return OwnEvaluation(protocol, complete, test.dataset, encoder.name, result, (said, *fitted, *colors))


def require_possible(encoder: PretrainedEncoder, protocol: str) -> None:
    """Refuse a protocol that is not offered, or that the encoder cannot serve, before anything is computed.

    Raises:
        ConfigError: It is not offered; the nearest that is, is given.
        EvaluationError: It compares with names of classes, and the encoder is aligned with no tower.
    """
    require_known(protocol, OFFERED, "protocol for data of your own", "--protocol")
    if "classes" in load_protocol(protocol).needs:
        encoder.require_tower()


def _fitting(
    protocol: str,
    encoder: PretrainedEncoder,
    given: Mapping[str, Any],
    train: CloudSplit | None,
    test: CloudSplit,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return settings that the data permit, and what was changed for it; what the user gives is never changed."""
    of_paper = protocol in encoder.protocols
    own = encoder.protocols.get(protocol, {})
    source = f"as '{encoder.run['paper']}' has them" if of_paper else "the protocol's own"
    values: dict[str, Any] = {**own, **_LEFT_OUT.get(protocol, {}), **given}
    said = [f"settings: {source}" + (f"; given: {', '.join(given)}" if given else "")]
    num_classes = len(test.class_names)
    if protocol == "zero_shot" and "ks" not in given:
        ks = tuple(values.get("ks", (1, 3, 5)))
        values["ks"] = tuple(k for k in ks if k <= num_classes)
        said += [f"ks: those up to the {num_classes} classes"] if values["ks"] != ks else []
    if protocol == "knn" and train is not None:
        # What a paper has set stays as long as it is possible; else a class of few members shall be able to win.
        most = (len(train), len(test) - 1) if of_paper else (_smallest(train), max(1, _smallest(test) - 1))
        for (key, default), limit in zip((("num_neighbours", 20), ("purity_neighbours", 10)), most, strict=True):
            if key not in given and values.get(key, default) > limit:
                values[key] = limit
                said.append(f"{key}: {limit}, for the smallest class has no more")
    if protocol == "retrieval" and "directions" not in given:
        values["directions"] = ("shape_to_shape",)
    if num_classes < 2:
        raise EvaluationError(
            "One class cannot be told from others",
            where=test.dataset,
            expected="two or more classes",
            found=", ".join(test.class_names),
        )
    return values, tuple(said)


def _smallest(split: CloudSplit) -> int:
    """Return the members of the smallest class."""
    return int(np.unique(split.labels, return_counts=True)[1].min())
