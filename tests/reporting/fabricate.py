"""Small fabricated results for the tests of reporting; they lie in temporary folders and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.files import write_json, write_text
from concord3d.layout import paper_yaml, published_csv, report_yaml
from concord3d.protocols.evaluation.results import ProtocolResult, Record, record_from_interval, write_result
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs
from concord3d.reporting.parts import figures
from concord3d.statistics.intervals import binomial_interval

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Fabricated:
    """A folder of fabricated artifacts that grows by method calls.

    Attributes:
        root: Temporary folder.
        scale: Of every file.
        data_kind: Of every evaluation.
        report_yaml: The report file; null takes the paper's.
        published_csv: The published values; null takes the paper's.
        paper: Whose files are used.
    """

    root: Path
    scale: str = "small"
    data_kind: str = "real"
    report_yaml: Path | None = None
    published_csv: Path | None = None
    paper: str = "mm_point"
    expected: list[ExpectedJob] = field(default_factory=list)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def inputs(self) -> ReportInputs:
        kinds = {job.dataset: self.data_kind for job in self.expected}
        return ReportInputs(
            artifacts=self.root / "artifacts",
            exports=self.root / "exports",
            paper_yaml=ROOT / paper_yaml(self.paper),
            report_yaml=self.report_yaml or ROOT / report_yaml(self.paper),
            published_csv=self.published_csv or ROOT / published_csv(self.paper),
            scale=self.scale,
            out=self.root / "results",
            expected_jobs=tuple(self.expected),
            runs=self.runs,
            data_kinds=kinds,
        )

    def need(self, experiment: str, role: str, earlier: str) -> None:
        """Let an experiment rest on an earlier one of the same paper."""
        need = {"paper": self.paper, "experiment": earlier, "seed": 1, "encoder": {}}
        self.runs[experiment].setdefault("needs", {})[role] = need

    @property
    def material(self) -> Material:
        return Material(self.inputs)

    def expect(self, experiment: str, dataset: str = "modelnet40", protocol: str = "linear_svm", seed: int = 1) -> None:
        self.expected.append(ExpectedJob(experiment, dataset, protocol, seed))

    def run(self, experiment: str, encoder: str = "pointnet", pretrain_kind: str | None = None) -> None:
        untrained = experiment.startswith("random_init")
        self.runs[experiment] = {
            "paper": self.paper,
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
        details: Mapping[str, Any] | None = None,
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
        result = ProtocolResult(tuple(records), items, self.names(len(values)), details or {}, arrays or {})
        self.write(result, experiment, seed, dataset, protocol, encoder, data_kind)

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
            {"epoch": 2 * i + 1, "held_out": {"information_inter": v, "information_num_objects": 256}}
            for i, v in enumerate(values)
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


def svg(made: Fabricated, name: str) -> str:
    """Draw one figure of the report file and return it as SVG."""
    figures.build_one(made.material, name)
    assert (made.inputs.out / "figures" / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    return (made.inputs.out / "figures" / f"{name}.svg").read_text()


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
            share = (count + shift) / 4
            curve = {"0.001": share / 9, "1": share / 2, "10000": share}
            details = {"cost": 10.0, "feature_rms": count / 500, "test_accuracy_curve": {"last": curve}}
            right_or_wrong = outcomes(400, count + shift, seed)
            made.accuracy(experiment, right_or_wrong, seed, selections=("last", "best_test"), details=details)
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
                    Record("silhouette", 0.21, 120, 0.1, 0.3, unit="1"),
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


def _metrics(values: Mapping[str, NDArray[np.float64]], unit: str) -> ProtocolResult:
    """Return a result with one metric per array of outcomes."""
    scale = 100.0 if unit == "%" else 1.0
    records, items = [], {}
    for metric, outcome in values.items():
        kept = outcome[~np.isnan(outcome)]
        half = 1.96 * kept.std() / np.sqrt(len(kept))
        low, mean, high = (scale * float(kept.mean() + sign * half) for sign in (-1, 0, 1))
        ends = (max(low, 0.0), min(high, 100.0)) if unit == "%" else (low, high)
        records.append(Record(metric, mean, len(kept), *ends, unit=unit))
        items[f"{metric}__last"] = outcome
    num_items = len(next(iter(values.values())))
    return ProtocolResult(tuple(records), items, Fabricated.names(num_items))


def mixing_like(root: Path, scale: str = "demo", data_kind: str = "synthetic") -> Fabricated:
    """Return results like those of MM-Mixing at the demo scale, with one seed."""
    made = Fabricated(root, scale, data_kind, paper="mm_mixing")
    strength = {"random_init": 0.03, "baseline": 0.50, "stage1": 0.54, "full": 0.60, "k1": 0.51, "op_fps": 0.58}
    teachers = {"full": "stage1", "op_fps": "stage1"}
    rng = np.random.default_rng(3)
    for experiment, share in strength.items():
        made.run(experiment, "point_bert")
        if experiment in teachers:
            made.need(experiment, "teacher", teachers[experiment])
        folder = made.root / "artifacts" / "train" / f"{experiment}__s1"
        write_json(folder / "train.json", {"history": [], "num_steps": 80 if experiment == "k1" else 40})
        for dataset, num in (("objaverse_lvis", 160), ("modelnet40", 200), ("scanobjectnn_obj_only", 120)):
            top = {f"top{k}": outcomes(num, round(num * min(share + 0.1 * (k - 1), 1.0)), k) for k in (1, 3, 5)}
            result = _metrics({**top, "class_mean_top1": top["top1"]}, "%")
            made.write(replace(result, details={"num_classes": 40}), experiment, 1, dataset, "zero_shot", "point_bert")
        shots = {f"accuracy_{n}shot": outcomes(200, round(200 * share * (0.5 + n / 40))) for n in (1, 2, 4, 8, 16)}
        made.write(_metrics(shots, "%"), experiment, 1, "modelnet40", "few_shot_probe", "point_bert")
        cosines = {name: share + 0.02 * rng.normal(size=160) for name in ("cos_image", "margin_image", "cos_text")}
        cosines["margin_text"] = np.where(np.arange(160) % 7 == 0, np.nan, cosines["cos_text"])
        made.write(_metrics(cosines, "cosine"), experiment, 1, "objaverse_lvis", "alignment", "point_bert")
        made.write(_searches(share), experiment, 1, "objaverse_lvis", "retrieval", "point_bert")
        mixtures = {
            f"{name}_0.{tenth}": share - 0.01 * abs(tenth - 5) + 0.02 * rng.normal(size=160)
            for name in ("consistency", "consistency_margin")
            for tenth in (1, 3, 5, 7, 9)
        }
        made.write(_metrics(mixtures, "cosine"), experiment, 1, "objaverse_lvis", "consistency", "point_bert")
    return made


def _searches(share: float) -> ProtocolResult:
    metrics: dict[str, NDArray[np.float64]] = {}
    arrays: dict[str, NDArray[Any]] = {"labels": np.arange(160) % 20}
    details: dict[str, Any] = {}
    for direction in ("text_to_shape", "shape_to_text", "image_to_shape"):
        for k in (1, 5, 10):
            metrics[f"{direction}_r{k}"] = outcomes(160, round(160 * min(share * (0.4 + k / 10), 1.0)), k)
        arrays[f"{direction}_examples"] = np.array([0, 80])
        arrays[f"{direction}_top5"] = np.array([[0, 1, 2, 3, 4], [9, 80, 11, 12, 13]])
        details[direction] = {"num_queries": 160, "num_candidates": 160}
    arrays["text_to_shape_example_texts"] = np.array(["a red chair", "a lamp"])
    metrics["shape_to_shape_map"] = outcomes(160, round(160 * share), 2)
    arrays["shape_to_shape_examples"] = np.array([5, 6])
    arrays["shape_to_shape_top5"] = np.array([[25, 1, 2, 3, 4], [26, 46, 1, 2, 3]])
    return replace(_metrics(metrics, "%"), details=details, arrays=arrays)


def two_branches_like(root: Path, scale: str = "demo", data_kind: str = "synthetic") -> Fabricated:
    """Return results like those of Cross-MoST on two target sets, with two seeds, histories and snapshots."""
    made = Fabricated(root, scale, data_kind, paper="cross_most")
    for number, (method, picture, point) in enumerate(
        (("zero_shot", 0.55, 0.35), ("st_shared", 0.57, 0.41), ("cross_most", 0.6, 0.5))
    ):
        for dataset, drop in (("modelnet40", 0.0), ("redwood", 0.1)):
            experiment = f"{method}_{dataset}"
            made.run(experiment, "point_transformer")
            for seed in (1, 2):
                right = {
                    "image_top1": outcomes(200, round(200 * (picture - drop)) + seed, 1),
                    "point_top1": outcomes(200, round(200 * (point - drop)) + seed, 2),
                }
                result = replace(_metrics(right, "%"), details=_two_branch_details(number, seed))
                made.write(result, experiment, seed, dataset, "two_branches", "point_transformer")
                if number:
                    folder = made.root / "artifacts" / "train" / f"{experiment}__s{seed}"
                    write_json(folder / "train.json", {"history": [_shares(epoch, seed) for epoch in range(1, 7)]})
    return made


CLASSES = ["bed", "chair", "cone", "desk", "glass_box", "lamp", "sink", "sofa", "table", "toilet"]


def _two_branch_details(number: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([number, seed])
    by_class = {
        branch: dict(zip(CLASSES, rng.uniform(10 + 12 * number, 90, len(CLASSES)).tolist(), strict=True))
        for branch in ("pictures", "points")
    }
    curves = {
        f"epoch_{epoch:04d}": {
            f"{model}_{branch}_top1": 30.0 + 20 * (branch == "image") + lead + 3 * epoch + seed
            for model, lead in (("student", 0), ("teacher", 2))
            for branch in ("image", "point")
        }
        for epoch in (2, 4, 6)
    }
    return {"num_classes": len(CLASSES), "class_accuracy": by_class, "by_snapshot": curves if number else {}}


def _shares(epoch: int, seed: int) -> dict[str, Any]:
    """Return the entry of an epoch in which both branches keep the same labels."""
    kept = 0.5 + 0.04 * epoch + 0.01 * seed
    by_points = kept * (0.25 + 0.03 * epoch)
    right = kept * (0.7 + 0.02 * epoch)
    return {
        "epoch": epoch,
        "loss": 3.0 - 0.2 * epoch,
        "coverage/pictures": kept,
        "coverage/points": kept,
        "from_points": by_points,
        "right/pictures": right,
        "right/points": right,
        "right/from_points": by_points * (0.6 + 0.02 * epoch),
        "vote/pictures": 0.55 + 0.01 * epoch,
        "vote/points": 0.35 + 0.02 * epoch,
    }
