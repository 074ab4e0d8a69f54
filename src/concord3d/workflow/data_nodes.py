"""Nodes of raw data, stores, and views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.config.models import Params, Scale
from concord3d.config.places import Place
from concord3d.config.validation import validate
from concord3d.data.catalog import DatasetSpec
from concord3d.data.readers import find_reader, reader_module
from concord3d.data.readers.interface import Reader
from concord3d.data.scans.options import ScanOptions
from concord3d.data.stores import store_module
from concord3d.errors import ConfigError
from concord3d.layout import CATALOG, Layout
from concord3d.render.view_spec import view_spec
from concord3d.workflow.batching import Batching
from concord3d.workflow.node import Graph, Made
from concord3d.world.datasets import family_module, find_family
from concord3d.world.datasets.interface import WorldRecipe

# Words of the catalogue, and addresses: they say nothing about the data themselves.
CATALOGUE_WORDS: dict[str, Any] = {
    "title": True,
    "licence": True,
    "doc": True,
    "about": True,
    "files": {"__all__": {"urls"}},
    "releases": {"__all__": {"note"}},
}


@dataclass(frozen=True)
class DataNodes:
    """Makes the nodes of data as others ask for them.

    Attributes:
        graph: Receives the nodes.
        root: The repository.
        params: The knobs.
        scale: What the scale runs.
        layout: Where files lie.
        catalog: What is known of each data set.
        renderer: What draws meshes.
        batching: Which nodes share a job.
        places: Where each data set stands in the files of the scale.
    """

    graph: Graph
    root: Path
    params: Params
    scale: Scale
    layout: Layout
    catalog: dict[str, DatasetSpec]
    renderer: str
    batching: Batching
    places: Mapping[str, Place]

    def brings_features(self, dataset: str) -> bool:
        """Whether a data set is a release that holds tower features of its shapes."""
        return self.scale.datasets[dataset].source == "real" and self.reader(dataset).has_tower_features

    def reader(self, dataset: str) -> Reader:
        """Return what reads a data set."""
        return find_reader(self.catalog[dataset].reader)

    def reader_module(self, dataset: str) -> str:
        """Return the source that a data set is read with."""
        return reader_module(self.catalog[dataset].reader)

    def store_module(self, dataset: str) -> str:
        """Return the source that a data set's stores are opened with."""
        return store_module(self.reader(dataset).kind)

    def spec(self, dataset: str, *left_out: str) -> dict[str, Any]:
        excluded = {**CATALOGUE_WORDS, "scans": True, **dict.fromkeys(left_out, True)}
        return self.catalog[dataset].model_dump(mode="json", exclude=excluded)

    def _kept_of_scans(self, dataset: str) -> dict[str, Any]:
        """Return how much of each scan a store keeps: what the catalogue says, unless the scale says otherwise.

        Raises:
            ConfigError: The scale says what no scan has, or says it of a data set that has no scans.
        """
        known, told = self.catalog[dataset].scans, self.scale.datasets[dataset].scans
        if known is None:
            if told:
                raise ConfigError(
                    f"'{dataset}' has no scans",
                    where=self.places[dataset].below("scans"),
                    expected="a data set whose entry in the catalogue has 'scans'",
                    found=", ".join(told),
                )
            return {}
        options = validate(ScanOptions, {**known.model_dump(), **told}, self.places[dataset].below("scans"))
        return {"scans": options.model_dump()}

    def _params(self, dataset: str) -> dict[str, Any]:
        return {"dataset": dataset, "catalog": str(CATALOG)}

    def raw(self, dataset: str) -> Made:
        use = self.scale.datasets[dataset]
        if use.source == "real":
            # What is obtained is decided by the catalogue's checksums and counts, not by how it is fetched.
            marker = self.layout.real_marker(dataset)
            spec = {"spec": self.spec(dataset)}
            return self.graph.add_node(f"raw/real/{dataset}", "raw", spec, (), {}, [marker], self._params(dataset))
        recipe: dict[str, Any] = {
            "dataset": dataset,
            "splits": use.splits,
            "categories": use.categories,
            "num_points": use.num_points,
            "seed": self.scale.world_seed,
            # Data sets without options keep the identity that they had before there were some.
            **({"options": use.options} if use.options else {}),
        }
        drawn_on = self._drawn_on(WorldRecipe(**recipe))
        key = f"raw/world_{self.params.scale}/{dataset}"
        marker = self.layout.world_marker(dataset)
        entries = ["workflow_scripts/world_dataset.py", family_module(dataset), *drawn_on.values()]
        inputs = {"foreign": [self.raw(name) for name in drawn_on]} if drawn_on else {}
        return self.graph.add_node(key, "raw", recipe, entries, inputs, [marker])

    def _drawn_on(self, recipe: WorldRecipe) -> Mapping[str, str]:
        """Return the real data sets that one of the world draws on, each with the module that knows its files.

        Raises:
            ConfigError: The recipe is impossible, or the scale has no such real data set.
        """
        family = find_family(recipe.dataset)
        try:
            recipe.validated(family.layouts[recipe.dataset])
            for name in (drawn_on := family.foreign(recipe)):
                if name not in self.scale.datasets or self.scale.datasets[name].source != "real":
                    raise ConfigError(
                        f"'{recipe.dataset}' draws on '{name}', which the scale does not obtain",
                        where="options",
                        expected=f"an entry '{name}: {{source: real}}' below 'datasets'",
                        found=", ".join(self.scale.datasets),
                    )
            return drawn_on
        except ConfigError as error:
            keys = str(error.where).split(".") if error.where else []
            raise ConfigError(
                error.what,
                where=self.places[recipe.dataset].below(*keys),
                expected=error.expected,
                found=error.found,
                next_step=error.next_step,
            ) from error

    def _splits(self, dataset: str) -> list[str]:
        """The splits for training and testing that a data set has at this scale; see :meth:`tested_split`."""
        use = self.scale.datasets[dataset]
        known: Iterable[str] = use.splits or {} if use.source == "world" else self.catalog[dataset].splits
        return [split for split in ("train", self.tested_split(dataset)) if split in known]

    def tested_split(self, dataset: str) -> str:
        """Return the split that is tested: ``test``, or ``val`` where nobody but the organisers has test labels."""
        return "test" if "test" in self.catalog[dataset].splits else "val"

    def store(self, dataset: str, split: str) -> Made:
        use = self.scale.datasets[dataset]
        recipe = {
            # Data sets without scans keep the identity that they had before there were some.
            "spec": {**self.spec(dataset, "files"), **self._kept_of_scans(dataset)},
            "split": split,
            "data_kind": "synthetic" if use.source == "world" else "real",
            "num_points": use.num_points if "num_points" in use.model_fields_set else None,
        }
        return self.graph.add_node(
            f"stores/{dataset}__{split}",
            "data",
            recipe,
            ["workflow_scripts/store.py", self.reader_module(dataset)],
            {"marker": [self.raw(dataset)]},
            [self.layout.store(dataset, split)],
            self._params(dataset),
        )

    def stores(self, dataset: str) -> list[Made]:
        return [self.store(dataset, split) for split in self._splits(dataset)]

    def views(self, dataset: str, split: str, view_set: str, pixels: int) -> Made:
        """Return the node of some views of a split.

        Raises:
            ConfigError: The views are pictures that the data set does not bring.
        """
        views = view_spec(view_set, pixels, self.renderer)
        brought = self.reader(dataset).picture_set
        if views.renderer == "images" and view_set != brought:
            raise ConfigError(
                f"'{dataset}' does not bring the pictures '{view_set}'",
                where=f"views of {dataset}/{split}",
                expected=f"{brought}, or views that are drawn" if brought else "views that are drawn",
                found=view_set,
                next_step="name another view_set, or another data set",
            )
        recipe = {"spec": self.spec(dataset, "files"), "views": views.identity()}
        return self.graph.add_node(
            f"views/{dataset}__{split}__{view_set}__{pixels}",
            "data",
            recipe,
            ["workflow_scripts/views.py", self.reader_module(dataset)],
            {"marker": [self.raw(dataset)], "clouds": [self.store(dataset, split)]},
            [self.layout.views(dataset, split, view_set, pixels)],
            {
                **self._params(dataset),
                "split": split,
                "view_set": view_set,
                "pixels": pixels,
                "renderer": views.renderer,
                # Only PyTorch3D draws on a GPU.
                "device": self.params.device if views.renderer == "pytorch3d" else "cpu",
                "store": str(self.layout.view_store),
            },
        )
