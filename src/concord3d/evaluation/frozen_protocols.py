"""Protocols on frozen features, and the occupancy baseline: from a job to its result."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.records import CloudSplit
from concord3d.evaluation.features import CloudForm, first_points
from concord3d.evaluation.few_shot import eligible_classes, few_shot_accuracies
from concord3d.evaluation.job import EvaluationJob, FeatureCache, classified_splits, load_encoder
from concord3d.evaluation.knn import knn_correct, knn_purity, occupancy_knn_correct, silhouette
from concord3d.evaluation.linear_svm import PUBLISHED_C, linear_svm, search_cost
from concord3d.evaluation.results import (
    ProtocolResult,
    Record,
    accuracy_records,
    class_accuracies,
    record_from_interval,
)
from concord3d.evaluation.settings import (
    FewShotSettings,
    KnnSettings,
    LinearSvmSettings,
    OccupancyKnnSettings,
    TsneSettings,
)
from concord3d.evaluation.statistics import bootstrap_mean_interval, seed_interval
from concord3d.evaluation.tsne import tsne_map

PUBLISHED_NUM_POINTS = 1024
FEW_SHOT_NUM_POINTS = 2048
PRINTED_NUM_RUNS = 10


def _correct(predicted: NDArray[np.int64], split: CloudSplit) -> NDArray[np.float64]:
    return (predicted == split.labels).astype(np.float64)


def run_linear_svm(job: EvaluationJob, settings: LinearSvmSettings, cache: FeatureCache) -> ProtocolResult:
    """Linear SVM: ``last`` with C from cross-validation, and ``best_test`` as published (MM-Point spec 5 and 6.1)."""
    train, test = classified_splits(job)
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    extraction = (num_points, settings.batch_size, job.torch_device(), CloudForm(settings.normalise))
    encoder = load_encoder(job, job.model_path)
    train_features, test_features = (cache.get(encoder, split, *extraction) for split in (train, test))
    search = search_cost(
        train_features,
        train.labels,
        settings.c_grid,
        settings.cv_folds,
        settings.cv_max_items,
        settings.cv_seed,
        settings.c_extend,
    )
    correct = _correct(linear_svm(train_features, train.labels, test_features, search.cost), test)
    records: list[Record] = [*accuracy_records(correct, test.labels)]
    items = {"overall_accuracy__last": correct}
    details: dict[str, Any] = {
        "num_points": num_points,
        "num_train": len(train),
        "feature_dim": int(train_features.shape[1]),
        "cost": search.cost,
        "cross_validation": {
            "accuracy_by_cost": {f"{cost:g}": accuracy for cost, accuracy in search.table.items()},
            "num_items": search.num_items,
            "num_folds": search.num_folds,
        },
        "class_accuracy": class_accuracies(correct, test.labels, test.class_names),
    }
    if settings.as_published:
        published = _best_on_test(job, settings, cache, train, test, extraction)
        details["as_published"] = published[1]
        if published[0] is not None:
            records += accuracy_records(published[0], test.labels, "best_test")
            items["overall_accuracy__best_test"] = published[0]
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


def _best_on_test(
    job: EvaluationJob,
    settings: LinearSvmSettings,
    cache: FeatureCache,
    train: CloudSplit,
    test: CloudSplit,
    extraction: tuple[int, int, str, CloudForm],
) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
    """Return the outcomes of the snapshot that is best on the test split, and how it was found."""
    cost = settings.published_c or PUBLISHED_C.get(test.dataset)
    if cost is None:
        return None, {"not_run": f"no published cost for data set '{test.dataset}'; set published_c"}
    best: NDArray[np.float64] | None = None
    selected, accuracies = "", {}
    for path in job.snapshot_paths or [job.model_path]:
        encoder = load_encoder(job, path)
        features = [cache.get(encoder, split, *extraction) for split in (train, test)]
        correct = _correct(linear_svm(features[0], train.labels, features[1], cost), test)
        accuracies[path.stem] = float(100 * correct.mean())
        if best is None or correct.mean() > best.mean():
            best, selected = correct, path.stem
    return best, {"cost": cost, "selected": selected, "test_accuracy_by_snapshot": accuracies}


def run_few_shot(job: EvaluationJob, settings: FewShotSettings, cache: FeatureCache) -> ProtocolResult:
    """Few-shot accuracy of each N-way K-shot setting; items are episodes of the training split (MM-Point spec 6.2)."""
    train, _ = classified_splits(job)
    num_points = job.num_points(settings.num_points, FEW_SHOT_NUM_POINTS)
    encoder = load_encoder(job, job.model_path)
    form = CloudForm(settings.normalise)
    features = cache.get(encoder, train, num_points, settings.batch_size, job.torch_device(), form)
    records, items, spread = [], {}, {}
    for num_ways in settings.ways:
        for num_shots in settings.shots:
            accuracies = few_shot_accuracies(
                features,
                train.labels,
                num_ways,
                num_shots,
                settings.num_query,
                settings.num_runs,
                settings.cost,
                settings.episode_seed,
            )
            metric = f"accuracy_{num_ways}way_{num_shots}shot"
            interval = seed_interval(accuracies).scaled(100)
            records.append(Record(metric, interval.value, len(accuracies), interval.low, interval.high))
            items[f"{metric}__last"] = accuracies
            first = accuracies[:PRINTED_NUM_RUNS]
            spread[metric] = {
                "std": float(100 * accuracies.std()),
                "mean_first_runs": float(100 * first.mean()),
                "std_first_runs": float(100 * first.std()),
                "num_first_runs": len(first),
                "num_classes": len(eligible_classes(train.labels, num_shots, settings.num_query)),
            }
    names = tuple(f"episode_{run:03d}" for run in range(settings.num_runs))
    details = {"num_points": num_points, "num_query": settings.num_query, "settings": spread}
    return ProtocolResult(tuple(records), items, names, details)


def _embedding_quality(
    features: NDArray[np.float32], test: CloudSplit, num_neighbours: int
) -> tuple[list[Record], dict[str, NDArray[np.float64]]]:
    purity, widths = knn_purity(features, test.labels, num_neighbours), silhouette(features, test.labels)
    records = [
        record_from_interval("knn_purity", bootstrap_mean_interval(purity)),
        record_from_interval("silhouette", bootstrap_mean_interval(widths), unit=""),
    ]
    return records, {"knn_purity__last": purity, "silhouette__last": widths}


def run_knn(job: EvaluationJob, settings: KnnSettings, cache: FeatureCache) -> ProtocolResult:
    """Accuracy of a k-nearest-neighbour classifier, purity of neighbourhoods and silhouette of the test split."""
    train, test = classified_splits(job)
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    encoder = load_encoder(job, job.model_path)
    extraction = (num_points, settings.batch_size, job.torch_device(), CloudForm(settings.normalise))
    train_features, test_features = (cache.get(encoder, split, *extraction) for split in (train, test))
    correct = knn_correct(train_features, train.labels, test_features, test.labels, settings.num_neighbours)
    records, items = _embedding_quality(test_features, test, settings.purity_neighbours)
    details = {
        "num_points": num_points,
        "num_neighbours": settings.num_neighbours,
        "purity_neighbours": settings.purity_neighbours,
        "distance": "cosine",
    }
    return ProtocolResult(
        (*accuracy_records(correct, test.labels), *records),
        {"overall_accuracy__last": correct, **items},
        test.names,
        details,
        {"labels": test.labels},
    )


def run_occupancy_knn(job: EvaluationJob, settings: OccupancyKnnSettings, cache: FeatureCache) -> ProtocolResult:
    """Accuracy of one nearest neighbour on occupancy grids; it needs no encoder."""
    train, test = classified_splits(job)
    num_points = settings.num_points or min(train.points.shape[1], test.points.shape[1])
    correct = occupancy_knn_correct(
        first_points(train.points, num_points),
        train.labels,
        first_points(test.points, num_points),
        test.labels,
        settings.resolution,
    )
    details = {
        "num_points": num_points,
        "resolution": settings.resolution,
        "class_accuracy": class_accuracies(correct, test.labels, test.class_names),
    }
    records = accuracy_records(correct, test.labels)
    return ProtocolResult(records, {"overall_accuracy__last": correct}, test.names, details, {"labels": test.labels})


def run_tsne(job: EvaluationJob, settings: TsneSettings, cache: FeatureCache) -> ProtocolResult:
    """t-SNE maps of the test split, with numbers that say what a map only suggests (MM-Point spec 9, F5)."""
    _, test = classified_splits(job)
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    encoder = load_encoder(job, job.model_path)
    form = CloudForm(settings.normalise)
    features = cache.get(encoder, test, num_points, settings.batch_size, job.torch_device(), form)
    maps = {
        f"tsne_perplexity_{perplexity:g}": tsne_map(features, perplexity, settings.tsne_seed, settings.max_iterations)
        for perplexity in settings.perplexities
    }
    records, items = _embedding_quality(features, test, settings.purity_neighbours)
    details = {
        "num_points": num_points,
        "perplexities": [float(perplexity) for perplexity in settings.perplexities],
        "purity_neighbours": settings.purity_neighbours,
        "maps": sorted(maps),
    }
    arrays: dict[str, NDArray[Any]] = {"labels": test.labels, "class_names": np.array(test.class_names), **maps}
    return ProtocolResult(tuple(records), items, test.names, details, arrays)
