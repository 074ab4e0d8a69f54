"""Retrieval of shapes by text, picture and shape, and of texts by shape (MM-Mixing spec 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.errors import EvaluationError
from concord3d.measures.ranking import FloatArray, check_cutoff
from concord3d.measures.retrieval import FAISS_ABOVE, first_candidates, retrieve_classes, retrieve_instances
from concord3d.protocols.evaluation.results import ProtocolResult, Record, mean_record, record_from_interval
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS, AlignedSettings, Protocol
from concord3d.statistics.intervals import median_interval

if TYPE_CHECKING:
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.tower_features import TowerFeatures

Direction = Literal["text_to_shape", "shape_to_text", "image_to_shape", "shape_to_shape"]
DIRECTIONS: tuple[Direction, ...] = ("text_to_shape", "shape_to_text", "image_to_shape", "shape_to_shape")
NUM_SHOWN = 5


class Settings(AlignedSettings):
    """Settings of retrieval.

    Attributes:
        directions: What is looked for with what; null takes all that the data permit.
        ks: Lengths of the lists in which the one right item counts as found.
        precision_k: Length of the list in which items of the query's class are counted.
        view: Picture of each shape that is the query.
        faiss_above: Size of the gallery above which faiss proposes the candidates.
        num_examples: Queries whose first five candidates are kept for the figure.
    """

    directions: tuple[Direction, ...] | None = Field(default=None, min_length=1)
    ks: tuple[PositiveInt, ...] = Field(default=(1, 5, 10), min_length=1)
    precision_k: PositiveInt = 10
    view: int = Field(default=0, ge=0)
    faiss_above: PositiveInt = FAISS_ABOVE
    num_examples: int = Field(default=8, ge=0)


@dataclass(frozen=True)
class _Search:
    """What all directions of one job share, and what they find.

    Attributes:
        embeddings: (S, D) of the test shapes.
        test: The test shapes.
        tower: Features of their pictures and texts.
        settings: Settings of the protocol.
        records: Numbers found so far.
        items: Their per-item outcomes.
        arrays: Examples for the figure.
        details: What explains the numbers, by direction.
    """

    embeddings: NDArray[np.float32]
    test: CloudSplit
    tower: TowerFeatures
    settings: Settings
    records: list[Record] = field(default_factory=list)
    items: dict[str, FloatArray] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def add(self, metric: str, values: FloatArray, rows: NDArray[np.int64], unit: str = "%") -> None:
        """Add the outcomes of the test shapes ``rows``; the others take no part."""
        outcomes = np.full(len(self.test), np.nan)
        outcomes[rows] = values
        self.records.append(mean_record(metric, outcomes, unit))
        self.items[f"{metric}__last"] = outcomes

    def keep_examples(self, direction: str, queries: NDArray[np.int64], found: NDArray[np.int64]) -> None:
        """Keep the test shapes that queries belong to (E,) and those of their first candidates (E, 5)."""
        self.arrays[f"{direction}_examples"] = queries
        self.arrays[f"{direction}_top{NUM_SHOWN}"] = found
        texts = self.tower.texts
        if texts is not None and direction == "text_to_shape":
            self.arrays[f"{direction}_example_texts"] = np.array([texts[i] for i in queries], dtype=np.str_)
        if texts is not None and direction == "shape_to_text":
            self.arrays[f"{direction}_found_texts"] = np.array([[texts[i] for i in row] for row in found], np.str_)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure how early each query's counterpart is found, and how many of the first items have its class."""
    test, tower = job.tested_clouds(), job.tower
    encoding = job.encoding(settings, PUBLISHED_ALIGNED_POINTS)
    search = _Search(encoding.features("test"), test, tower, settings)
    impossible = {} if settings.directions else _impossible(tower, test)
    directions = settings.directions or tuple(name for name in DIRECTIONS if name not in impossible)
    if not directions:
        raise EvaluationError(
            "Nothing can be retrieved", where=job.out, expected="tower features or classes", found=impossible
        )
    for direction in directions:
        _run_direction(direction, search)
    details = {**encoding.details(test), **search.details, "not_run": impossible}
    arrays = {"labels": test.labels, **search.arrays}
    medians = {record.metric for record in search.records if record.metric.endswith("_median_rank")}
    reasons = {name: f"the median of the outcomes of {name.replace('_median_', '_mean_')}" for name in sorted(medians)}
    return ProtocolResult(tuple(search.records), search.items, test.names, details, arrays, reasons)


def _impossible(tower: TowerFeatures, test: CloudSplit) -> dict[str, str]:
    """Return the directions that the data do not permit, with the reason."""
    reasons: dict[str, str] = {}
    if not tower.has_texts:
        reasons |= dict.fromkeys(("text_to_shape", "shape_to_text"), "no texts")
    if tower.image_features is None:
        reasons["image_to_shape"] = "no pictures"
    if not _has_companions(test.labels):
        reasons["shape_to_shape"] = "no class with two shapes"
    return reasons


def _has_companions(labels: NDArray[np.int64]) -> bool:
    return bool((np.unique(labels[labels >= 0], return_counts=True)[1] > 1).any())


def _run_direction(direction: Direction, search: _Search) -> None:
    embeddings, test = search.embeddings, search.test
    if direction == "shape_to_shape":
        _by_class(direction, search)
    elif direction == "image_to_shape":
        pictures = search.tower.images(search.settings.view, len(test), embeddings.shape[1])
        _by_instance(direction, pictures, embeddings, np.arange(len(test)), search)
    else:
        # Shapes without text are neither queries nor candidates, in both directions.
        rows, texts = search.tower.described(len(test), embeddings.shape[1])
        sides = (texts, embeddings[rows]) if direction == "text_to_shape" else (embeddings[rows], texts)
        _by_instance(direction, *sides, rows, search)


def _by_instance(
    direction: str,
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    rows: NDArray[np.int64],
    search: _Search,
) -> None:
    """Search each query's own counterpart; query i and candidate i both belong to test shape ``rows[i]``."""
    settings, labels = search.settings, search.test.labels[rows]
    for k in settings.ks:
        check_cutoff(k, len(gallery), "gallery items")
    answers = np.arange(len(rows))
    found = retrieve_instances(queries, gallery, answers, labels, labels, settings.precision_k, settings.faiss_above)
    for k in settings.ks:
        search.add(f"{direction}_r{k}", found.places.hit_rate(k), rows)
    ranks = found.places.expected_rank()
    search.add(f"{direction}_mean_rank", ranks, rows, unit="rank")
    search.records.append(record_from_interval(f"{direction}_median_rank", median_interval(ranks), unit="rank"))
    if (labels >= 0).any():
        search.add(f"{direction}_class_p{settings.precision_k}", found.precision, rows)
    search.details[direction] = {
        "num_queries": len(queries),
        "num_candidates": len(gallery),
        "chance": {f"r{k}": 100 * k / len(gallery) for k in settings.ks},
        "num_rescanned": found.num_rescanned,
    }
    shown = _evenly_spaced(len(rows), settings.num_examples)
    first = first_candidates(queries[shown], gallery, min(NUM_SHOWN, len(gallery)))
    search.keep_examples(direction, rows[shown], rows[first])


def _by_class(direction: str, search: _Search) -> None:
    """Search the other shapes of each shape's class."""
    test, settings = search.test, search.settings
    if not _has_companions(test.labels):
        raise EvaluationError(
            "Shapes are looked for by their class, and no class has two shapes",
            where=f"{test.dataset}/{test.split}",
            next_step="leave shape_to_shape out of 'directions' in the protocol's settings",
        )
    precision, average = retrieve_classes(search.embeddings, test.labels, settings.precision_k)
    queries = np.flatnonzero(~np.isnan(average))
    search.add(f"{direction}_p{settings.precision_k}", precision[queries], queries)
    search.add(f"{direction}_map", average[queries], queries)
    class_sizes = np.bincount(test.labels[queries])[test.labels[queries]]
    search.details[direction] = {
        "num_queries": len(queries),
        "num_candidates": len(test) - 1,
        "chance": {f"p{settings.precision_k}": float(100 * (class_sizes - 1).mean() / (len(test) - 1))},
    }
    shown = queries[_evenly_spaced(len(queries), settings.num_examples)]
    count = min(NUM_SHOWN, len(test) - 1)
    first = first_candidates(search.embeddings[shown], search.embeddings, count, shown)
    search.keep_examples(direction, shown, first)


def _evenly_spaced(num_queries: int, count: int) -> NDArray[np.int64]:
    """Return the queries to show, the same for every encoder."""
    return np.linspace(0, num_queries - 1, min(count, num_queries)).round().astype(np.int64)


PROTOCOL = Protocol(Settings, run, needs=("images", "texts"))
