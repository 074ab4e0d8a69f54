"""The protocol of two branches on hand-made logits, from its job to its files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.features.fake_encoders import register
from tests.methods.cross_most.pairs import TOWER
from tests.protocols.small_jobs import assert_traceable
from torch import Tensor, nn

from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import BadCloud, ConfigError, EvaluationError
from concord3d.features.trunk_maps import TrunkMaps
from concord3d.protocols.evaluation import job as jobs
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.tower_features import TowerFeatures

CLASSES = ("cone", "night_stand", "cup", "door")
NUM_SHAPES, NUM_VIEWS, NUM_CLASSES, WIDTH = 14, 3, 4, 5
# What the student alone is asked for.
OF_ALL_VIEWS = {"image_any_view_top1", "image_all_views_top1"}
LABELS = np.random.default_rng(3).integers(0, NUM_CLASSES, NUM_SHAPES)


@dataclass
class Said:
    """What one classifier shall say."""

    pictures: NDArray[np.float32]
    points: NDArray[np.float32]
    picture_features: NDArray[np.float32]
    point_features: NDArray[np.float32]

    @classmethod
    def drawn(cls, seed: int, right: float = 0.5) -> Said:
        """Random logits, of which a share favours the true class."""
        rng = np.random.default_rng(seed)
        true = 3 * np.eye(NUM_CLASSES)[LABELS]
        pictures = rng.normal(size=(NUM_SHAPES, NUM_VIEWS, NUM_CLASSES))
        pictures += true[:, None] * (rng.random((NUM_SHAPES, NUM_VIEWS, 1)) < right)
        points = rng.normal(size=(NUM_SHAPES, NUM_CLASSES)) + true * (rng.random((NUM_SHAPES, 1)) < right)
        features = rng.normal(size=(NUM_SHAPES, NUM_VIEWS, WIDTH)), rng.normal(size=(NUM_SHAPES, WIDTH))
        return cls(*(value.astype(np.float32) for value in (pictures, points, *features)))


class HandMade(nn.Module):
    """A classifier that finds its words by the number of the shape: in the map, and in the extent of the cloud."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said, self.sizes = said, []
        self.points = SimpleNamespace(encode=lambda clouds: clouds)

    def of_pictures(self, pictures: Tensor, are_maps: bool, masks: Tensor | None = None) -> Any:
        assert are_maps and masks is None and not self.training and not torch.is_grad_enabled()
        unit, view = pictures[:, 0, 0, 0].long(), pictures[:, 1, 0, 0].long()
        return SimpleNamespace(
            feature=torch.from_numpy(self.said.picture_features)[unit, view],
            logits=torch.from_numpy(self.said.pictures)[unit, view],
        )

    def of_points(self, clouds: Tensor) -> Any:
        # Clouds are centred and in the unit sphere, and the height of the first point is the shape's own.
        assert torch.allclose(clouds.norm(dim=2).amax(1), torch.ones(len(clouds)), atol=1e-5)
        self.sizes.append(tuple(clouds.shape))
        unit = ((clouds[:, 0, 1] * 100).round() - 1).long()
        return SimpleNamespace(
            feature=torch.from_numpy(self.said.point_features)[unit], logits=torch.from_numpy(self.said.points)[unit]
        )


def clouds() -> NDArray[np.float32]:
    points = np.zeros((NUM_SHAPES, 6, 3), np.float32)
    points[:, 2:4, 0] = 1, -1
    points[:, 0, 1] = (np.arange(NUM_SHAPES) + 1) / 100
    points[:, 1, 1] = -points[:, 0, 1]
    return points


@dataclass
class Bench:
    """Jobs whose modules are hand-made, by the file of their weights."""

    folder: Path
    said: dict[str, dict[str, Said]] = field(default_factory=dict)
    built: list[HandMade] = field(default_factory=list)

    def module(self, run: Any, name: str, weights: Path) -> nn.Module:
        assert name == "adapted"
        made = nn.ModuleDict({which: HandMade(said) for which, said in self.said[weights.stem].items()})
        self.built += list(made.values())
        return made.requires_grad_(False)

    def job(self, settings: dict[str, Any] | None = None, snapshots: tuple[str, ...] = (), **options: Any) -> Any:
        number = np.broadcast_to(np.arange(NUM_SHAPES)[:, None], (NUM_SHAPES, NUM_VIEWS))
        view = np.broadcast_to(np.arange(NUM_VIEWS), (NUM_SHAPES, NUM_VIEWS))
        weak = np.stack([number, view], 2)[..., None, None].astype(np.float16)
        empty = weak[:, :, None][:, :, :0]
        maps = TrunkMaps(weak, empty, empty.astype(np.uint8), empty.astype(bool))
        maps.write(self.folder / "maps.npz")
        (self.folder / "tower.json").write_text(json.dumps(TOWER))
        names = tuple(f"shape {number}" for number in range(NUM_SHAPES))
        test = CloudSplit("modelnet40", "test", "synthetic", clouds(), LABELS, CLASSES, names)
        run = {
            "experiment": "cross_most", "seed": 2, "scale": "smoke", "method": "cross_most", "objective": {},
            "encoder": {}, "data": {"num_points": 4}, "tower": {"model": str(self.folder / "tower.json")},
        }  # fmt: skip
        fields: dict[str, Any] = {
            "tower": TowerFeatures(pictures=self.folder / "maps.npz"), "module": "adapted", "device": "cpu",
        }  # fmt: skip
        paths = [self.folder / f"{name}.safetensors" for name in snapshots]
        path = self.folder / "last.safetensors"
        return EvaluationJob(
            run, path, paths, None, test, "two_branches", settings or {}, self.folder / "out", **{**fields, **options}
        )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    register(monkeypatch)
    made = Bench(tmp_path, {"last": {"student": Said.drawn(0), "teacher": Said.drawn(1, right=0.7)}})
    monkeypatch.setattr(jobs, "saved_module", made.module)
    return made


def measured(job: EvaluationJob) -> tuple[dict[str, dict[str, Any]], dict[str, NDArray[Any]], dict[str, Any]]:
    """Records and outcomes by ``<metric>__<selection>``, and details."""
    evaluate(job)
    body = json.loads(Path(f"{job.out}.json").read_text())
    with np.load(f"{job.out}.npz", allow_pickle=False) as store:
        arrays = dict(store)
    assert_traceable(body, arrays)
    records = {f"{record['metric']}__{record['selection']}": record for record in body["records"]}
    assert len(records) == len(body["records"])
    for key, record in records.items():
        if key in arrays:
            values = arrays[key][~np.isnan(arrays[key])]
            factor = 100 if record["unit"] == "%" else 1
            assert record["value"] == pytest.approx(factor * values.mean()) and record["n_items"] == len(values)
            assert record["ci_low"] - 1e-9 <= record["value"] <= record["ci_high"] + 1e-9
    return records, arrays, body["details"]


def shown_views(seed: int = 0) -> list[int]:
    found: list[int] = np.random.default_rng(seed).integers(NUM_VIEWS, size=NUM_SHAPES).tolist()
    return found


def probabilities(row: NDArray[np.float32]) -> list[float]:
    exponentials = [math.exp(value) for value in row.tolist()]
    return [value / sum(exponentials) for value in exponentials]


def literal(said: Said, seed: int = 0) -> dict[str, list[float]]:
    """Every accuracy, shape by shape."""
    outcomes: dict[str, list[float]] = {}
    for shape, (view, label) in enumerate(zip(shown_views(seed), LABELS.tolist(), strict=True)):
        one, points = said.pictures[shape, view], said.points[shape]
        mean = [sum(said.pictures[shape, v, k] for v in range(NUM_VIEWS)) for k in range(NUM_CLASSES)]
        surer = points if max(probabilities(points)) > max(probabilities(one)) else one
        rights = {
            "image_top1": one.argmax() == label,
            "image_any_view_top1": sum(said.pictures[shape, v].argmax() == label for v in range(NUM_VIEWS)) / NUM_VIEWS,
            "image_all_views_top1": int(np.argmax(mean)) == label,
            "point_top1": points.argmax() == label,
            "joint_top1": surer.argmax() == label,
        }
        for metric, right in rights.items():
            outcomes.setdefault(metric, []).append(float(right))
    return outcomes


def test_accuracies_of_student_and_teacher_are_those_of_their_definition(bench: Bench) -> None:
    records, arrays, details = measured(bench.job())
    metrics = set(literal(bench.said["last"]["student"]))
    for prefix, which, wanted in (("", "student", metrics), ("teacher_", "teacher", metrics - OF_ALL_VIEWS)):
        expected = literal(bench.said["last"][which])
        for metric in wanted:
            assert arrays[f"{prefix}{metric}__last"].tolist() == pytest.approx(expected[metric]), metric
    assert set(records) == {
        f"{name}__last"
        for name in (
            *metrics, *(f"teacher_{metric}" for metric in metrics - OF_ALL_VIEWS),
            "image_label_precision", "point_label_precision", "joint_label_precision", "pair_gap",
            "pictures_class_entropy", "points_class_entropy",
        )
    }  # fmt: skip
    assert (details["num_views"], details["num_points"], details["num_classes"]) == (3, 4, 4)
    assert {module.sizes[0] for module in bench.built} == {(NUM_SHAPES, 4, 3)}, "as many points as in training"
    student = bench.said["last"]["student"]
    np.testing.assert_array_equal(arrays["predicted_points"], student.points.argmax(1))
    np.testing.assert_array_equal(
        arrays["predicted_pictures"], student.pictures[np.arange(NUM_SHAPES), shown_views()].argmax(1)
    )
    np.testing.assert_array_equal(arrays["labels"], LABELS)
    right = student.points.argmax(1) == LABELS
    of_classes = {CLASSES[k]: 100 * right[k == LABELS].mean() for k in set(LABELS.tolist())}
    assert details["class_accuracy"]["points"] == pytest.approx(of_classes)


def test_without_a_training_the_teacher_is_not_asked(bench: Bench) -> None:
    job = bench.job()
    _, arrays, _ = measured(replace(job, run_config={**job.run_config, "training": {"epochs": 0}}))
    student, teacher = bench.built
    assert student.sizes and not teacher.sizes
    for metric in ("image_top1", "point_top1", "joint_top1"):
        assert np.array_equal(arrays[f"teacher_{metric}__last"], arrays[f"{metric}__last"])
    assert not any(f"teacher_{metric}__last" in arrays for metric in OF_ALL_VIEWS)


def test_the_size_of_a_forward_pass_does_not_count_and_points_may_be_told(bench: Bench) -> None:
    evaluate(bench.job())
    whole = Path(f"{bench.job().out}.json").read_bytes()
    evaluate(bench.job({"batch_size": 4}))
    assert Path(f"{bench.job().out}.json").read_bytes() == whole
    _, _, details = measured(bench.job({"num_points": 5}))
    assert details["num_points"] == 5 and bench.built[-1].sizes[0] == (NUM_SHAPES, 5, 3)
    with pytest.raises(BadCloud):
        evaluate(bench.job({"num_points": 7}))


def test_the_view_of_each_shape_follows_from_the_seed_of_the_protocol(bench: Bench) -> None:
    found = {seed: measured(bench.job({"view_seed": seed}))[1] for seed in (0, 1)}
    student = bench.said["last"]["student"]
    for seed, arrays in found.items():
        assert arrays["image_top1__last"].tolist() == literal(student, seed)["image_top1"]
    for metric in ("image_any_view_top1", "image_all_views_top1", "point_top1"):
        np.testing.assert_array_equal(found[0][f"{metric}__last"], found[1][f"{metric}__last"])


def test_of_equally_sure_branches_the_picture_decides(bench: Bench) -> None:
    said = bench.said["last"]["student"]
    one = np.eye(NUM_CLASSES, dtype=np.float32)
    said.pictures[:] = one[LABELS][:, None]
    said.points[:] = one[(LABELS + 1) % NUM_CLASSES]
    records, _, _ = measured(bench.job())
    assert records["joint_top1__last"]["value"] == 100 and records["point_top1__last"]["value"] == 0


@pytest.mark.parametrize(("coverage", "count"), [(0.5, 7), (1.0, 14), (0.01, 1), (0.2, 3)])
def test_precision_is_that_of_the_most_confident_votes_of_the_teacher(
    bench: Bench, coverage: float, count: int
) -> None:
    records, arrays, _ = measured(bench.job({"coverage": coverage}))
    said, views = bench.said["last"]["teacher"], shown_views()
    shares = {
        "image": [probabilities(said.pictures[shape, view]) for shape, view in enumerate(views)],
        "point": [probabilities(row) for row in said.points],
    }
    shares["joint"] = [p if max(p) > max(i) else i for i, p in zip(shares["image"], shares["point"], strict=True)]
    for name, rows in shares.items():
        surest = sorted(range(NUM_SHAPES), key=lambda shape, rows=rows: -max(rows[shape]))[:count]
        right = [int(np.argmax(rows[shape])) == LABELS[shape] for shape in surest]
        assert records[f"{name}_label_precision__last"]["value"] == pytest.approx(100 * np.mean(right))
        assert records[f"{name}_label_precision__last"]["n_items"] == count
        assert f"{name}_label_precision__last" not in arrays, "every training is confident about other shapes"


def test_curves_of_labels_tell_how_many_are_right_of_the_most_confident(bench: Bench) -> None:
    _, _, details = measured(bench.job())
    said = bench.said["last"]["teacher"]
    rows = sorted((probabilities(row) for row in said.points), key=max, reverse=True)
    order = sorted(range(NUM_SHAPES), key=lambda shape: -max(probabilities(said.points[shape])))
    curve = details["label_curves"]["point"]
    for part in range(10):
        count = max(1, round((part + 1) * NUM_SHAPES / 10))
        right = [int(np.argmax(rows[place])) == LABELS[shape] for place, shape in enumerate(order[:count])]
        assert curve["coverage"][part] == pytest.approx(100 * count / NUM_SHAPES, abs=0.01)
        assert curve["right"][part] == pytest.approx(100 * np.mean(right), abs=0.01)
        assert curve["confidence"][part] == pytest.approx(max(rows[count - 1]), abs=1e-4)
    assert details["label_curves"].keys() == {"image", "point", "joint"}
    records, _, _ = measured(bench.job({"coverage": 1.0}))
    for name, of_all in details["label_curves"].items():
        assert of_all["right"][-1] == pytest.approx(records[f"{name}_label_precision__last"]["value"], abs=0.01)


def test_unseen_classes_are_measured_apart(bench: Bench) -> None:
    told = {"unseen": {"modelnet40": ["Door", "night stand"], "another": ["nothing"]}}
    records, arrays, _ = measured(bench.job(told))
    unseen = np.isin(LABELS, [1, 3])
    assert 0 < unseen.sum() < NUM_SHAPES
    for metric in ("image_top1", "point_top1"):
        whole = arrays[f"{metric}__last"]
        np.testing.assert_array_equal(np.isnan(arrays[f"{metric}_unseen__last"]), ~unseen)
        np.testing.assert_array_equal(np.isnan(arrays[f"{metric}_seen__last"]), unseen)
        assert records[f"{metric}_unseen__last"]["value"] == pytest.approx(100 * whole[unseen].mean())
        assert records[f"{metric}_seen__last"]["value"] == pytest.approx(100 * whole[~unseen].mean())
    assert "image_top1_unseen__last" not in measured(bench.job({"unseen": {"another": ["cup"]}}))[0]


def test_an_unseen_class_that_the_data_set_lacks_is_named(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="did you mean 'door'"):
        evaluate(bench.job({"unseen": {"modelnet40": ["dor"]}}))


def test_pairs_are_nearer_than_others_by_their_cosine_minus_the_mean_of_the_others(bench: Bench) -> None:
    records, arrays, _ = measured(bench.job())
    said, views = bench.said["last"]["student"], shown_views()

    def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    for shape in range(NUM_SHAPES):
        of_picture = [cosine(said.picture_features[shape, views[shape]], other) for other in said.point_features]
        own = of_picture.pop(shape)
        assert arrays["pair_gap__last"][shape] == pytest.approx(own - sum(of_picture) / len(of_picture), abs=1e-5)
    assert records["pair_gap__last"]["unit"] == "cosine"


def test_entropy_is_that_of_the_predicted_classes(bench: Bench) -> None:
    said = bench.said["last"]["student"]
    said.pictures[:] = np.eye(NUM_CLASSES)[0]
    said.points[:] = np.eye(NUM_CLASSES)[np.arange(NUM_SHAPES) % 2]
    records, _, details = measured(bench.job())
    assert records["pictures_class_entropy__last"]["value"] == 0
    found = records["points_class_entropy__last"]
    assert found["value"] == pytest.approx(math.log(2)) and found["unit"] == "nats"
    assert found["ci_low"] <= found["value"] <= found["ci_high"] + 1e-9
    precisions = {f"{name}_label_precision" for name in ("image", "point", "joint")}
    assert set(details["without_items"]) == {"pictures_class_entropy", "points_class_entropy"} | precisions


def with_points_right(seed: int, count: int) -> Said:
    """A classifier whose clouds are right for the first shapes alone."""
    said = Said.drawn(seed)
    labels = np.where(np.arange(NUM_SHAPES) < count, LABELS, (LABELS + 1) % NUM_CLASSES)
    said.points[:] = 5 * np.eye(NUM_CLASSES)[labels]
    return said


SNAPSHOTS = ("epoch_0001", "epoch_0002", "epoch_0003", "last")


@pytest.fixture
def snapshots(bench: Bench) -> Bench:
    """The students' clouds are best in the second and, alike, in the third; the teachers' in the first."""
    for name, right, teacher in zip(SNAPSHOTS, (5, 9, 9, 7), (13, 2, 3, 4), strict=True):
        seed = 10 * len(bench.said)
        bench.said[name] = {"student": with_points_right(seed, right), "teacher": with_points_right(seed + 1, teacher)}
    return bench


def test_best_test_is_the_first_snapshot_whose_student_classifies_clouds_best(snapshots: Bench) -> None:
    records, arrays, details = measured(snapshots.job({"of_snapshots": True}, SNAPSHOTS))
    best = snapshots.said["epoch_0002"]["student"]
    for metric, expected in literal(best).items():
        assert arrays[f"{metric}__best_test"].tolist() == pytest.approx(expected)
    assert records["point_top1__best_test"]["value"] == pytest.approx(100 * 9 / 14)
    assert records["point_top1__last"]["value"] == pytest.approx(100 * 7 / 14)
    assert {key.partition("__")[0] for key in records if key.endswith("best_test")} == set(literal(best))
    curves = details["by_snapshot"]
    assert list(curves) == sorted(SNAPSHOTS)
    for name in SNAPSHOTS:
        for which in ("student", "teacher"):
            expected = {
                f"{which}_{metric}": 100 * np.mean(right)
                for metric, right in literal(snapshots.said[name][which]).items()
                if which == "student" or metric not in OF_ALL_VIEWS
            }
            assert {key: curves[name][key] for key in expected} == pytest.approx(expected)


@pytest.mark.parametrize("kept", [("last",), ()])
def test_an_end_alone_has_no_middle_and_is_the_best(snapshots: Bench, kept: tuple[str, ...]) -> None:
    _, arrays, details = measured(snapshots.job({"of_snapshots": True}, kept))
    assert not [key for key in arrays if key.startswith("middle")] and list(details["by_snapshot"]) == ["last"]
    np.testing.assert_array_equal(arrays["point_top1__best_test"], arrays["point_top1__last"])


@pytest.mark.parametrize(("kept", "middle"), [(SNAPSHOTS, "epoch_0002"), (SNAPSHOTS[1:], "epoch_0003")])
def test_the_middle_is_the_lower_of_two(snapshots: Bench, kept: tuple[str, ...], middle: str) -> None:
    _, arrays, _ = measured(snapshots.job({"of_snapshots": True}, kept))
    for which in ("student", "teacher"):
        expected = literal(snapshots.said[middle][which])
        for metric in ("image_top1", "point_top1"):
            assert arrays[f"middle_{which}_{metric}__last"].tolist() == expected[metric]


def test_without_snapshots_nothing_is_chosen_on_the_test_split(snapshots: Bench) -> None:
    records, _, details = measured(snapshots.job({}, SNAPSHOTS))
    assert "by_snapshot" not in details and all(record["selection"] == "last" for record in records.values())
    assert len(snapshots.built) == 2


Change = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda job: replace(job, tower=TowerFeatures()), "needs pictures"),
        (lambda job: replace(job, test=job.test.subset(np.arange(5))), "pictures are of other shapes"),
        (lambda job: replace(job, test=replace(job.test, labels=LABELS - 1)), "labels without a class"),
        (lambda job: replace(job, test=replace(job.test, labels=LABELS + 2)), "labels without a class"),
    ],
)
def test_what_cannot_be_measured_is_named(bench: Bench, change: Change, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        evaluate(change(bench.job()))
    assert not list(bench.folder.glob("out*"))
