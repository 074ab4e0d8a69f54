"""Protocols of encoders aligned with a tower, and linear probes: from a job to its result."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.evaluation.alignment import Alignment, alignment
from concord3d.evaluation.consistency import consistency, encode_mixed, partners
from concord3d.evaluation.encoding import FloatArray, encoding_of, mean_record
from concord3d.evaluation.features import cloud_batches, cloud_channels, unit_rows
from concord3d.evaluation.job import EvaluationJob, FeatureCache, classified_splits, tested_clouds
from concord3d.evaluation.probing import few_shot_probe, linear_probe
from concord3d.evaluation.ranking import check_cutoff
from concord3d.evaluation.results import (
    ProtocolResult,
    Record,
    accuracy_records,
    class_accuracies,
    record_from_interval,
)
from concord3d.evaluation.settings import (
    AlignmentSettings,
    ConsistencySettings,
    FewShotProbeSettings,
    LinearProbeSettings,
    ZeroShotSettings,
)
from concord3d.evaluation.statistics import bootstrap_mean_interval, class_mean_interval
from concord3d.evaluation.tower_features import TowerFeatures
from concord3d.evaluation.zero_shot import zero_shot_correct


def run_zero_shot(job: EvaluationJob, settings: ZeroShotSettings, cache: FeatureCache) -> ProtocolResult:
    """Zero-shot accuracy among the nearest class names, and its mean over classes (MM-Mixing spec 5.1)."""
    test = tested_clouds(job, classified=True)
    encoding = encoding_of(job, settings, cache)
    num_draws = settings.num_resamples if encoding.is_resampled(test) else 1
    for k in settings.ks:
        check_cutoff(k, len(test.class_names), "classes")
    tower = job.tower or TowerFeatures()
    draws = []
    for draw in range(num_draws):
        embeddings = encoding.features(test, draw=draw)
        classes = tower.classes(len(test.class_names), embeddings.shape[1])
        draws.append(zero_shot_correct(embeddings, classes, test.labels, settings.ks))
    correct = {k: np.mean([outcomes[k] for outcomes in draws], axis=0) for k in settings.ks}
    records = [mean_record(f"top{k}", outcomes) for k, outcomes in correct.items()]
    records.append(record_from_interval("class_mean_top1", class_mean_interval(correct[1], test.labels)))
    details = {
        **encoding.details(test),
        "num_classes": len(test.class_names),
        "num_classes_tested": len(np.unique(test.labels)),
        "num_resamples": num_draws if encoding.is_resampled(test) else 0,
        "class_accuracy": class_accuracies(correct[1], test.labels, test.class_names),
    }
    items = {f"top{k}__last": outcomes for k, outcomes in correct.items()}
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


def run_linear_probe(job: EvaluationJob, settings: LinearProbeSettings, cache: FeatureCache) -> ProtocolResult:
    """Logistic regression on frozen features of the whole training split (MM-Mixing spec 5.2a)."""
    train, test = classified_splits(job)
    encoding = encoding_of(job, settings, cache)
    train_features, test_features = (encoding.features(split, settings.layer) for split in (train, test))
    probe = linear_probe(
        train_features,
        train.labels,
        test_features,
        test.labels,
        settings.costs,
        settings.held_out_share,
        settings.probe_seed,
        settings.max_iterations,
    )
    details = {
        **encoding.details(test),
        "layer": settings.layer,
        "num_train": len(train),
        "feature_dim": int(train_features.shape[1]),
        "cost": probe.cost,
        "held_out": {
            "num_items": probe.num_held_out,
            "accuracy_by_cost": {f"{cost:g}": accuracy for cost, accuracy in probe.table.items()},
        },
        "converged": probe.converged,
        "class_accuracy": class_accuracies(probe.correct, test.labels, test.class_names),
    }
    records = accuracy_records(probe.correct, test.labels)
    items = {"overall_accuracy__last": probe.correct}
    return ProtocolResult(records, items, test.names, details, {"labels": test.labels})


def run_few_shot_probe(job: EvaluationJob, settings: FewShotProbeSettings, cache: FeatureCache) -> ProtocolResult:
    """Logistic regression on a few training shapes per class, mean over draws (MM-Mixing spec 5.2b)."""
    train, test = classified_splits(job)
    encoding = encoding_of(job, settings, cache)
    train_features, test_features = (encoding.features(split, settings.layer) for split in (train, test))
    class_sizes = np.unique(train.labels, return_counts=True)[1]
    records, items, spread = [], {}, {}
    for num_shots in settings.shots:
        outcomes = few_shot_probe(
            train_features,
            train.labels,
            test_features,
            test.labels,
            num_shots,
            settings.num_draws,
            settings.cost,
            settings.probe_seed,
            settings.max_iterations,
        )
        metric = f"accuracy_{num_shots}shot"
        records.append(record_from_interval(metric, bootstrap_mean_interval(outcomes)))
        items[f"{metric}__last"] = outcomes.mean(axis=0)
        spread[metric] = {
            "accuracy_by_draw": (100 * outcomes.mean(axis=1)).tolist(),
            "num_smaller_classes": int((class_sizes < num_shots).sum()),
        }
    details = {
        **encoding.details(test),
        "layer": settings.layer,
        "feature_dim": int(train_features.shape[1]),
        "cost": settings.cost,
        "settings": spread,
    }
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


def run_alignment(job: EvaluationJob, settings: AlignmentSettings, cache: FeatureCache) -> ProtocolResult:
    """Mean cosine of test shapes with their own pictures and texts, and its margin (MM-Mixing spec 7, C12)."""
    test = tested_clouds(job)
    encoding = encoding_of(job, settings, cache)
    embeddings = encoding.features(test)
    tower = job.tower or TowerFeatures()
    rows = unit_rows(embeddings, "embeddings of shapes")
    width, found = rows.shape[1], _Measures(len(test))
    details = encoding.details(test)
    if tower.image_features is not None:
        num_views = tower.num_views(len(test), width)
        pictures = np.zeros_like(rows)
        for view in range(num_views):
            pictures += unit_rows(tower.images(view, len(test), width), "features of pictures")
        found.add("cos_image", "margin_image", alignment(rows, pictures / num_views), np.arange(len(test)))
        details["num_views"] = num_views
    if tower.has_texts:
        index, texts = tower.described(len(test), width)
        found.add("cos_text", "margin_text", alignment(rows[index], unit_rows(texts, "features of texts")), index)
        details["num_texts"] = len(index)
    if not found.records:
        raise EvaluationError(
            "There is nothing to be aligned with",
            where=job.out,
            expected="tower features of pictures or texts",
            next_step="list 'images' or 'texts' under the protocol's needs",
        )
    return ProtocolResult(tuple(found.records), found.items, test.names, details, {"labels": test.labels})


def run_consistency(job: EvaluationJob, settings: ConsistencySettings, cache: FeatureCache) -> ProtocolResult:
    """Agreement of mixed clouds' features with mixtures of features, by lambda (MM-Mixing spec 7, C13)."""
    test = tested_clouds(job)
    if settings.max_items is not None and settings.max_items < len(test):
        drawn = np.random.default_rng(settings.pair_seed).permutation(len(test))[: settings.max_items]
        test = test.subset(np.sort(drawn))
    encoding = encoding_of(job, settings, cache)
    encoder = encoding.encoder
    clean = encoding.features(test)
    partner = partners(len(test), torch.Generator().manual_seed(settings.pair_seed))
    form, channels = encoding.form(test), cloud_channels(encoder)
    batches = cloud_batches(test.points, encoding.num_points, len(test), channels, test.colors, form)
    clouds = torch.cat(list(batches))
    found, ratios = _Measures(len(test)), {}
    for weight in settings.weights:
        # The same draws at every lambda, so that the curve over lambda is not rough for lack of items.
        generator = torch.Generator().manual_seed(settings.pair_seed)
        mixed, ratio = encode_mixed(
            encoder,
            clouds,
            partner,
            weight,
            settings.operator,
            settings.mixing,
            generator,
            settings.batch_size,
            encoding.device,
        )
        agreement = consistency(mixed, clean, partner, ratio)
        found.add(f"consistency_{weight:g}", f"consistency_margin_{weight:g}", agreement, np.arange(len(test)))
        ratios[f"{weight:g}"] = float(ratio.mean())
    details = {**encoding.details(test), "operator": settings.operator, "mean_ratio_by_weight": ratios}
    return ProtocolResult(tuple(found.records), found.items, test.names, details, {"partner": partner})


class _Measures:
    """Records and per-item outcomes of cosines and their margins."""

    def __init__(self, num_items: int) -> None:
        self._num_items = num_items
        self.records: list[Record] = []
        self.items: dict[str, FloatArray] = {}

    def add(self, cosine: str, margin: str, found: Alignment, rows: NDArray[np.int64]) -> None:
        """Add both measures of the items ``rows`` under their names."""
        for metric, values in ((cosine, found.cosine), (margin, found.margin)):
            if np.isfinite(values).all():
                outcomes = np.full(self._num_items, np.nan)
                outcomes[rows] = values
                self.records.append(mean_record(metric, outcomes, unit=""))
                self.items[f"{metric}__last"] = outcomes
