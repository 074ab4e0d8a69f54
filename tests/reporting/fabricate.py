"""Small fabricated results for the tests of reporting; they lie in temporary folders and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.evaluation.results import ProtocolResult, Record, record_from_interval, write_result
from concord3d.evaluation.statistics import binomial_interval
from concord3d.files import write_json, write_text
from concord3d.reporting.inputs import ExpectedJob, ReportInputs

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Fabricated:
    """A folder of fabricated artifacts that grows by method calls.

    Attributes:
        root: Temporary folder.
        scale: Of every file.
        data_kind: Of every evaluation.
        report_yaml: The report file; null takes MM-Point's.
    """

    root: Path
    scale: str = "small"
    data_kind: str = "real"
    report_yaml: Path | None = None
    published_csv: Path | None = None
    expected: list[ExpectedJob] = field(default_factory=list)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def inputs(self) -> ReportInputs:
        kinds = {job.dataset: self.data_kind for job in self.expected}
        return ReportInputs(
            artifacts=self.root / "artifacts",
            paper_yaml=ROOT / "papers" / "mm_point.yaml",
            report_yaml=self.report_yaml or ROOT / "papers" / "mm_point.report.yaml",
            published_csv=self.published_csv or ROOT / "papers" / "published" / "mm_point.csv",
            scale=self.scale,
            out=self.root / "results",
            expected_jobs=tuple(self.expected),
            runs=self.runs,
            data_kinds=kinds,
        )

    def expect(self, experiment: str, dataset: str = "modelnet40", protocol: str = "linear_svm", seed: int = 1) -> None:
        self.expected.append(ExpectedJob(experiment, dataset, protocol, seed))

    def run(self, experiment: str, encoder: str = "pointnet", pretrain_kind: str | None = None) -> None:
        untrained = experiment.startswith("random_init")
        self.runs[experiment] = {
            "experiment": experiment,
            "seed": 1,
            "encoder": {"name": encoder},
            "pretrain": None if untrained else {"dataset": "modelnet40", "data_kind": pretrain_kind or self.data_kind},
            "training": {"epochs": 6, "batch_size": 32},
        }

    def accuracy(
        self,
        experiment: str,
        correct: NDArray[np.floating],
        seed: int = 1,
        dataset: str = "modelnet40",
        protocol: str = "linear_svm",
        selections: Sequence[str] = ("last",),
        encoder: str = "pointnet",
        arrays: Mapping[str, NDArray[Any]] | None = None,
        data_kind: str | None = None,
    ) -> None:
        """Write one evaluation whose items are right (1) or wrong (0); further selections get one more item right."""
        records: list[Record] = []
        items: dict[str, NDArray[np.float64]] = {}
        values = np.asarray(correct, dtype=np.float64)
        for selection in selections:
            interval = binomial_interval(int(values.sum()), len(values))
            records.append(record_from_interval("overall_accuracy", interval, selection))
            items[f"overall_accuracy__{selection}"] = values
            values = values.copy()
            values[int(np.argmin(values))] = 1.0
        self.write(ProtocolResult(tuple(records), items, self.names(len(values)), {}, arrays or {}), experiment, seed,
                   dataset, protocol, encoder, data_kind)  # fmt: skip

    @staticmethod
    def names(num: int) -> tuple[str, ...]:
        return tuple(f"item_{index:04d}" for index in range(num))

    def write(
        self,
        result: ProtocolResult,
        experiment: str,
        seed: int,
        dataset: str,
        protocol: str,
        encoder: str = "pointnet",
        data_kind: str | None = None,
    ) -> None:
        identity = {
            "experiment": experiment,
            "variant": f"variant of {experiment}",
            "seed": seed,
            "scale": self.scale,
            "protocol": protocol,
            "dataset": dataset,
            "data_kind": data_kind or self.data_kind,
        }
        folder = self.root / "artifacts" / "eval"
        folder.mkdir(parents=True, exist_ok=True)
        write_result(result, identity, folder / f"{experiment}__{dataset}__{protocol}__s{seed}")
        if experiment not in self.runs:
            self.run(experiment, encoder)
        self.expect(experiment, dataset, protocol, seed)

    def few_shot(self, experiment: str, means: Sequence[float], seed: int = 1, dataset: str = "modelnet40") -> None:
        rng = np.random.default_rng([seed, 7])
        records, items = [], {}
        pairs = [(5, 10), (5, 20), (10, 10), (10, 20)]
        noise = rng.normal(0, 0.02, size=(4, 20))
        for (ways, shots), mean, row in zip(pairs, means, noise, strict=True):
            metric = f"accuracy_{ways}way_{shots}shot"
            values = np.clip(mean + row, 0, 1)
            half = 1.96 * values.std() / np.sqrt(len(values))
            records.append(
                Record(metric, 100 * values.mean(), 20, 100 * (values.mean() - half), 100 * (values.mean() + half))
            )
            items[f"{metric}__last"] = values
        self.write(ProtocolResult(tuple(records), items, self.names(20)), experiment, seed, dataset, "few_shot")

    def history(self, experiment: str, values: Sequence[float], seed: int = 1, provenance: bool = True) -> None:
        """Write a training whose held-out bound takes ``values`` at epochs 1, 3, 5, ..."""
        folder = self.root / "artifacts" / "train" / f"{experiment}__s{seed}"
        history = [
            {"epoch": 2 * i + 1, "held_out": {"mi_inter": v, "mi_num_objects": 256}} for i, v in enumerate(values)
        ]
        write_json(folder / "train.json", {"history": history})
        if provenance:
            write_json(folder / "provenance.json", {"run": folder.name, "git_commit": "0" * 40, "wall_s": 12.5})
        if experiment not in self.runs:
            self.run(experiment)

    def report(self, text: str) -> None:
        """Use this report file."""
        self.report_yaml = self.root / "report.yaml"
        write_text(self.report_yaml, text)

    def published(self, rows: Sequence[Sequence[str]]) -> None:
        """Use these published rows: table, method, dataset, setting, metric, value, evidence."""
        header = "part,table,method,dataset,pair,setting,metric,value,unit,evidence,source"
        lines = [f"part,{t},{m},{d},,{s},{metric},{v},%,{e},somewhere" for t, m, d, s, metric, v, e in rows]
        self.published_csv = self.root / "published.csv"
        write_text(self.published_csv, "\n".join([header, *lines]) + "\n")


def outcomes(num_items: int, num_right: int, seed: int = 0) -> NDArray[np.float64]:
    """Return outcomes with exactly ``num_right`` ones, the same items first for every number right."""
    order = np.random.default_rng(seed).permutation(num_items)
    values = np.zeros(num_items)
    values[order[:num_right]] = 1.0
    return values


def demo_like(
    root: Path, scale: str = "demo", data_kind: str = "synthetic", seeds: Sequence[int] = (1, 2)
) -> Fabricated:
    """Return results like those of the demo scale."""
    made = Fabricated(root, scale, data_kind)
    right = {"mm_point": 300, "single_view": 280, "single_head": 292, "uniform_crosspoint": 290, "neither": 270,
             "crosspoint": 275, "random_init": 180, "views_2": 285, "views_3": 294, "views_6": 305}  # fmt: skip
    rng = np.random.default_rng(5)
    for seed in seeds:
        for experiment, count in right.items():
            shift = int(rng.integers(-6, 7))
            made.accuracy(experiment, outcomes(400, count + shift, seed), seed, selections=("last", "best_test"))
            made.accuracy(experiment, outcomes(210, (count + shift) // 2, seed), seed, "scanobjectnn_obj_bg")
            if experiment != "random_init":
                final = {"mm_point": 3.9, "single_view": 3.1, "views_6": 4.2}.get(experiment, 3.4)
                made.history(experiment, [1.2, 0.7 * final, final + 0.03 * seed], seed)
        for experiment in ("mm_point", "crosspoint", "random_init"):
            made.few_shot(
                experiment, [0.8, 0.85, 0.7, 0.75] if experiment == "mm_point" else [0.7, 0.8, 0.6, 0.7], seed
            )
            labels = rng.integers(0, 10, 120)
            spot = rng.normal(size=(120, 2)) * 4 + 9 * np.stack([np.cos(labels), np.sin(labels)], axis=1) * (
                1.0 if experiment == "mm_point" else 0.4
            )
            names = np.array([f"class {n}" for n in range(10)])
            arrays = {"labels": labels, "class_names": names, "tsne_perplexity_30": spot.astype(np.float32)}
            purity = outcomes(120, 90 if experiment == "mm_point" else 60)
            result = ProtocolResult(
                (
                    Record("knn_purity", 100 * purity.mean(), 120, 0, 100),
                    Record("silhouette", 0.21, 120, 0.1, 0.3, unit=""),
                ),
                {"knn_purity__last": purity},
                made.names(120),
                {},
                arrays,
            )
            made.write(result, experiment, seed, "modelnet10", "tsne")
    for seed in seeds:
        made.expect("random_init", "modelnet40", "occupancy_knn", seed)
    return made
