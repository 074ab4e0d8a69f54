"""A figure of every kind whose words are signs of formulas, of markup and of Matplotlib's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from tests.reporting.evidence import test_mixed_clouds, test_reconstructions
from tests.reporting.fabricate import Fabricated, outcomes, two_branches_like
from tests.reporting.figures.kinds import (
    test_branch_outcomes,
    test_class_changes,
    test_cost_curve,
    test_diagram,
    test_embedding,
    test_grouped_bars,
    test_history_curves,
    test_metric_curves,
    test_mutual_information,
    test_radar,
    test_retrieval_grid,
    test_retrieval_strips,
    test_sweeps,
    test_training_budget,
    test_views_curve,
)
from tests.reporting.figures.kinds import (
    test_mixed_clouds as test_mixed_clouds_kind,
)
from tests.reporting.figures.kinds import (
    test_reconstructions as test_reconstructions_kind,
)
from tests.reporting.figures.one_figure import kept, one_figure, points

from concord3d.protocols.evaluation.results import ProtocolResult, Record

# No underscore inside, for figures write those of identifiers as spaces; no space, at which lines are broken.
SIGNS = "$^{$5<b>&$6\\q"


def hostile(name: str) -> str:
    """Return a name that Matplotlib would leave out of a legend, and would read as a formula."""
    return f"_{name}{SIGNS}"


class Hostile(NamedTuple):
    """Results with figure ``f``, and the names in it that are hostile."""

    made: Fabricated
    names: tuple[str, ...]

    def with_data(self, *names: str) -> Hostile:
        """Add names that the data have hostile."""
        return Hostile(self.made, (*self.names, *names))


def relabelled(made: Fabricated, *names: str) -> Hostile:
    """Make names in the report file hostile, wherever they stand; its title always."""
    assert made.report_yaml is not None
    hostile_names = {name: hostile(name) for name in ("T", *names)}

    def changed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {changed(key): changed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        return hostile_names.get(value, value) if isinstance(value, str) else value

    made.report(yaml.safe_dump(changed(yaml.safe_load(made.report_yaml.read_text())), allow_unicode=True))
    return Hostile(made, tuple(hostile_names))


def bars(root: Path) -> Hostile:
    made = Fabricated(root)
    options = (
        "{experiments: {a: A1, b: B1}, datasets: [modelnet40], protocol: linear_svm, metric: overall_accuracy,"
        " label: right}"
    )
    one_figure(made, "bars", options)
    for experiment in ("a", "b"):
        made.accuracy(experiment, outcomes(200, 101))
    return relabelled(made, "A1", "B1", "right")


def branch_outcomes(root: Path) -> Hostile:
    return relabelled(test_branch_outcomes.measured(root), "pictures", "clouds")


def channel_cosines(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(
        made, "channel_cosines", "{experiments: {one: ONE, two: TWO}, dataset: nuscenes, protocol: distillation}"
    )
    kept(made, "one", {"channel_cosines": np.array([[0.5, -0.5], [-0.25, 0.25]], np.float16)})
    return relabelled(made, "ONE", "TWO")


def class_changes(root: Path) -> Hostile:
    made = Fabricated(root, "demo", "synthetic")
    made.report(test_class_changes.REPORT.replace("cone, glass_box", f"'{hostile('cone')}'"))
    for experiment, shift in (("old", 0.0), ("new", 9.0)):
        details = {"by_class": {"points": {hostile("cone"): 10.0 + shift, hostile("sofa"): 50.0}}}
        made.accuracy(experiment, outcomes(100, 50), details=details)
    return relabelled(made, "first", "unknown", "known", "accuracy (%)").with_data("cone", "sofa")


def code_usage(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "code_usage", "{experiments: {one: ONE}, dataset: nuscenes, protocol: distillation}")
    kept(made, "one", {"code_counts": np.array([[0, 6, 2, 0], [5, 5, 0, 0]])})
    return relabelled(made, "ONE")


def cost_curve(root: Path) -> Hostile:
    made = Fabricated(root)
    made.report(test_cost_curve.REPORT)
    made.published(
        [("linear_svm", "Random init (DGCNN)", "ModelNet40", "s", "overall accuracy", "66.0", "other_paper")]
    )
    test_cost_curve.measured(made, "mm_point", (40.0, 72.0, 73.0))
    return relabelled(made, "Trained", "ModelNet40")


def diagram(root: Path) -> Hostile:
    made = Fabricated(root)
    made.report(test_diagram.REPORT.replace("first\\nline", "first"))
    return relabelled(made, "left", "first", "second", "beside")


def embedding(root: Path) -> Hostile:
    made = Fabricated(root, "demo", "synthetic", paper="cross_most")
    made.report(test_embedding.REPORT)
    arrays = {
        "tsne": np.random.default_rng(0).normal(size=(20, 2)),
        "labels": np.arange(20) % 2,
        "class_names": np.array([hostile("bed"), hostile("box")]),
    }
    records = (Record("knn_purity", 41.6, 10, 30, 50),)
    result = ProtocolResult(records, {}, (), {}, arrays)
    made.write(result, "cross_most_modelnet40", 1, "modelnet40", "two_branch_maps", "point_transformer")
    return relabelled(made).with_data("bed", "box")


def feature_similarity(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "feature_similarity", "{experiments: [one], dataset: nuscenes, protocol: distillation}")
    arrays = {
        "pictures": np.zeros((3, 4, 8, 3), np.uint8), "points": points(40),
        "cosine_points": np.linspace(-1, 1, 80).reshape(2, 40).astype(np.float16),
        "cosine_pixels": np.zeros((2, 4, 8), np.float16),
        "asked_point": np.array(7), "asked_pixel": np.array([2, 1, 3]),
    }  # fmt: skip
    kept(made, "one", arrays)
    return relabelled(made)


def grouped_bars(root: Path) -> Hostile:
    made = test_grouped_bars.measured(root)
    return relabelled(made, "before", "after", "whole set", "ModelNet10", "accuracy (%)")


def history_curves(root: Path) -> Hostile:
    made = two_branches_like(root)
    made.report(test_history_curves.REPORT)
    return relabelled(made, "Both", "labels", "share (%)", "by points", "teacher")


def masked_pictures(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "masked_pictures", "{experiments: {one: ONE}, dataset: nuscenes, protocol: distillation}")
    pictures, hidden = np.full((2, 4, 8, 3), 100, np.uint8), np.zeros((2, 2, 4), np.bool_)
    hidden[:, 0, 1] = True
    kept(made, "one", {"pictures": pictures, "hidden": hidden, "rebuilt": pictures})
    return relabelled(made, "ONE")


def metric_curves(root: Path) -> Hostile:
    made = Fabricated(root)
    made.report(test_metric_curves.CURVES)
    made.few_shot("left", [0.8, 0.85, 0.7, 0.75])
    return relabelled(made, "Left", "Right", "ModelNet40", "ways", "accuracy (%)")


def mixed_clouds(root: Path) -> Hostile:
    made = Fabricated(root, "demo", "synthetic")
    made.report(test_mixed_clouds_kind.REPORT)
    test_mixed_clouds.stored(made)
    path = made.root / "artifacts" / "figures" / "mixed_clouds.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "shape_names": np.array([hostile("chair"), hostile("lamp")])})
    return relabelled(made, "PointCutMix-R").with_data("chair", "lamp")


def mutual_information(root: Path) -> Hostile:
    made = Fabricated(root)
    made.report(test_mutual_information.REPORT)
    made.history("mm_point", [1.2, 3.0])
    return relabelled(made, "m = 4")


def occupancy_map(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "occupancy_map", "{experiments: {one: ONE}, dataset: nuscenes, protocol: distillation}")
    place = np.array([24, -1, 0.5], np.float32)
    kept(made, "one", {"points": points(40), "occupancy": np.full((8, 8), 0.7, np.float16), "map_place": place})
    return relabelled(made, "ONE")


def part_renders(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "part_renders", "{experiments: [one], dataset: shapenetpart, protocol: part_segmentation}")
    truth = np.zeros((2, 64), int)
    arrays = {
        "example_points": np.random.default_rng(0).normal(size=(2, 64, 3)), "example_truth": truth,
        "example_predicted": truth, "example_category": np.array([1, 0]),
        "class_names": np.array([hostile("plane"), hostile("bag")]),
    }  # fmt: skip
    result = ProtocolResult((Record("instance_miou", 50.0, 2, 40.0, 60.0),), {}, (), {}, arrays)
    made.write(result, "one", 1, "shapenetpart", "part_segmentation")
    return relabelled(made).with_data("plane", "bag")


def radar(root: Path) -> Hostile:
    return relabelled(test_radar.measured(root), "Alpha", "Beta", "fog", "snow", "crosstalk", "mIoU (%)")


def reconstructions(root: Path) -> Hostile:
    made = Fabricated(root, "demo", "synthetic")
    made.report(test_reconstructions_kind.REPORT)
    test_reconstructions.stored(made, "one")
    for path in (made.root / "artifacts").rglob("*.npz"):
        arrays = dict(np.load(path))
        if "names" in arrays:
            np.savez(path, **{**arrays, "names": np.array([hostile(str(name)) for name in arrays["names"]])})
    return relabelled(made).with_data("shape 0")


def rerun_scatter(root: Path) -> Hostile:
    made = Fabricated(root)
    pair = "{label: again, printed: {method: M1}, rerun: {method: M2}}"
    one_figure(made, "rerun_scatter", f"{{tables: [], pairs: [{pair}]}}")
    place = hostile("set")
    made.published([
        ("linear_svm", "M1", place, "s", "overall accuracy", "66.0", "main_table"),
        ("linear_svm", "M2", place, "s", "overall accuracy", "67.0", "third_party_rerun"),
    ])  # fmt: skip
    return relabelled(made, "again").with_data("set")


def retrieval_grid(root: Path) -> Hostile:
    made = Fabricated(root)
    made.report(test_retrieval_grid.REPORT)
    result = test_retrieval_grid.retrieval([[1, 0, 2, 3, 4], [6, 4, 5, 7, 0]])
    texts = np.array([hostile("round"), hostile("tall")])
    arrays = {**result.arrays, "text_to_shape_example_texts": texts}
    for experiment in ("left", "right"):
        made.write(
            ProtocolResult(result.records, {}, result.item_names, {}, arrays), experiment, 1, "things", "retrieval"
        )
    test_retrieval_grid.store_pictures(made, test_retrieval_grid.NAMES)
    return relabelled(made, "plain", "mixed").with_data("round", "tall")


def retrieval_strips(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "retrieval_strips", test_retrieval_strips.OPTIONS.replace(", two: TWO", ""))
    arrays = test_retrieval_strips.strips([[5, 1, 2, 3]], [5])
    # Names of scans are cut after 16 letters.
    arrays["strip_names"] = np.array([hostile(str(row)) for row in arrays["strip_rows"]])
    kept(made, "one", arrays, "scene_matching")
    return relabelled(made, "ONE").with_data("5")


def seeds(root: Path) -> Hostile:
    made = Fabricated(root)
    options = "{datasets: [modelnet40], protocol: linear_svm, metric: overall_accuracy, label: right}"
    one_figure(made, "seeds", options)
    made.accuracy("mm_point", outcomes(300, 270))
    return relabelled(made, "right")


def segmented_sweep(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "segmented_sweep", "{experiments: {one: ONE}, dataset: nuscenes, protocol: sweep_segmentation}")
    truth = np.array([0] * 20 + [1] * 20, np.int16)
    arrays = {
        "example_points": points(40), "example_truth": truth, "example_predicted": truth,
        "class_names": np.array([hostile("road"), hostile("bus")]),
    }  # fmt: skip
    kept(made, "one", arrays, "sweep_segmentation")
    return relabelled(made, "ONE").with_data("road", "bus")


def shared_and_specific(root: Path) -> Hostile:
    made = Fabricated(root)
    one_figure(made, "shared_and_specific", "{models: 3, reconstruction: {BOTH: 4.0}}")
    return relabelled(made, "BOTH")


def sweeps(root: Path) -> Hostile:
    made = Fabricated(root, "demo", "synthetic")
    made.report(test_sweeps.SWEEPS)
    for experiment, right in (("low", 120), ("middle", 150), ("plain", 110)):
        made.accuracy(experiment, outcomes(200, right))
    return relabelled(made, "beta", "share", "no mixing", "ModelNet40")


def training_budget(root: Path) -> Hostile:
    made = Fabricated(root)
    made.report(test_training_budget.BUDGET)
    for experiment in ("first", "second"):
        test_training_budget.trained(made, experiment, 100)
    return relabelled(made, "two stages", "third way", "ModelNet40")


def views_curve(root: Path) -> Hostile:
    return relabelled(test_views_curve.measured(root), "before", "after", "ModelNet40", "labels (%)")


FIGURES: dict[str, Callable[[Path], Hostile]] = {
    make.__name__: make
    for make in (
        bars, branch_outcomes, channel_cosines, class_changes, code_usage, cost_curve, diagram, embedding,
        feature_similarity, grouped_bars, history_curves, masked_pictures, metric_curves, mixed_clouds,
        mutual_information, occupancy_map, part_renders, radar, reconstructions, rerun_scatter, retrieval_grid,
        retrieval_strips, seeds, segmented_sweep, shared_and_specific, sweeps, training_budget, views_curve,
    )
}  # fmt: skip
