"""How many items the data sets of a plan hold, and how much disk its artifacts take."""

from __future__ import annotations

from typing import Any

from concord3d.commands.training_work import forward_passes, network_size
from concord3d.config.study import joined_datasets
from concord3d.data.catalog import load_catalog
from concord3d.data.readers import find_reader
from concord3d.layout import CATALOG
from concord3d.render.view_spec import view_spec
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan

BYTES_PER_POINT, BYTES_PER_COLOURED_POINT = 12, 15
BYTES_PER_WEIGHT, BYTES_PER_FEATURE = 4, 2


class Sizes:
    """Items of the data sets that a plan reads, as the world is asked to make or about as the release counts.

    Args:
        plan: All nodes.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._catalog = load_catalog(plan.root / CATALOG)

    def items(self, dataset: str, split: str) -> int | None:
        """Return how many items a split has; None where nothing says it."""
        use, release = self._plan.scale.datasets[dataset], self._catalog[dataset].releases[0]
        counts = dict(use.splits or {}) if use.source == "world" else {**release.about, **release.counts}
        return counts.get(split)

    def units(self, run: dict[str, Any]) -> int | None:
        """Return how many units a training's epoch goes through; None where a data set has no known size."""
        counts = [self.items(name, "train") for name in joined_datasets(run["pretrain"]["dataset"])]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def pictures(self, node: Node) -> int | None:
        """Return how many pictures a node draws, or encodes; None where the number is not known or it has none."""
        if node.script == "encode":
            return self._pictures_behind(node, "views")
        told = node.params
        count = self.items(told["dataset"], told["split"])
        return None if count is None else count * view_spec(told["view_set"], told["pixels"]).num_views

    def _pictures_behind(self, node: Node, name: str) -> int | None:
        """Return how many pictures the node has drawn or encoded that is one of a node's inputs."""
        [made] = node.makers.get(name, ("",))
        return self.pictures(self._plan.nodes[made]) if made else None

    def disk(self, node: Node) -> float | None:
        """Return the bytes that a node leaves; 0 where they do not count, None where their number is not known."""
        sizes = {"store": self._store, "views": self._views, "encode": self._features, "train": self._weights}
        return sizes[node.script](node) if node.script in sizes else 0.0

    def _store(self, node: Node) -> float | None:
        dataset, use = node.params["dataset"], self._plan.scale.datasets[node.params["dataset"]]
        spec, count = self._catalog[dataset], self.items(dataset, node.recipe["split"])
        if spec.scans is not None:
            # Scans differ in vertices and pictures, which only their files tell.
            return None
        released = use.source == "real" and "num_points" not in use.model_fields_set
        num_points = (spec.releases[0].num_points or use.num_points) if released else use.num_points
        coloured = find_reader(spec.reader).has_colors
        per_point = BYTES_PER_COLOURED_POINT if coloured else BYTES_PER_POINT
        return None if count is None else count * num_points * per_point

    def _views(self, node: Node) -> float | None:
        count, views = self.pictures(node), view_spec(node.params["view_set"], node.params["pixels"])
        return None if count is None else count * views.image_size**2 * views.channels

    def _features(self, node: Node) -> float | None:
        told = node.params
        if told["kind"] == "classes":
            return 0.0
        count = self._pictures_behind(node, "pictures" if told["kind"] == "projected" else "views")
        return None if count is None or told["width"] is None else count * told["width"] * BYTES_PER_FEATURE

    def _weights(self, node: Node) -> float:
        run = node.params["run"]
        passes = forward_passes(run)
        if not passes:
            return 0.0
        # The last snapshot is the same file as the weights.
        copies = run["training"].get("num_snapshots", 1)
        return copies * network_size(self._plan.root, passes[0]).num_parameters * BYTES_PER_WEIGHT


def disk_gb(plan: Plan, sizes: Sizes) -> tuple[float, dict[str, int]]:
    """Return the disk of stores, views, features and weights in GB, and how many nodes of a kind are not in it.

    Args:
        plan: All nodes.
        sizes: Of its data sets.
    """
    total, unknown = 0.0, dict[str, int]()
    for node in plan.nodes.values():
        size = sizes.disk(node)
        total += size or 0.0
        if size is None:
            unknown[node.script] = unknown.get(node.script, 0) + 1
    return total / 1e9, unknown
