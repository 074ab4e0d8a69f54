"""All nodes of the graph for some papers at a scale: what each is made of and which files it makes.

Rules take their inputs and parameters from here, and the check of records (:mod:`concord3d.workflow.state`) walks the
same nodes, so both speak of one graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from concord3d.config.models import Params, Scale
from concord3d.config.places import Place
from concord3d.config.resolve import load_study, with_own_entries
from concord3d.config.strict_yaml import load_yaml
from concord3d.data.catalog import load_catalog
from concord3d.errors import ConfigError, nearest
from concord3d.layout import CATALOG, PARAMS, Layout
from concord3d.render.choice import choose_renderer
from concord3d.workflow.batching import Batching
from concord3d.workflow.data_nodes import DataNodes
from concord3d.workflow.node import Graph, Job, Node
from concord3d.workflow.report_nodes import add_cross, add_report
from concord3d.workflow.study_nodes import StudyNodes
from concord3d.workflow.tower_nodes import TowerNodes


class Plan:
    """The nodes of some papers at a scale, each after those that it is made from.

    Args:
        root: The repository; only its configuration is read.
        params: The knobs.

    Attributes:
        studies: The papers at this scale.
        loaded: These papers, and those whose trainings they need.
        scale: What the scale runs.
        layout: Where files lie.
        nodes: Nodes by key.
        renderer: What draws meshes.

    Raises:
        ConfigError: A file of the configuration is wrong.
    """

    def __init__(self, root: Path, params: Params) -> None:
        self.root, self.params = root, params
        catalog = load_catalog(root / CATALOG)
        self.studies = {
            name: load_study(root, name, params.scale, params.seeds, catalog.keys()) for name in params.papers
        }
        needed = {name: other for study in self.studies.values() for name, other in study.loaded.items()}
        self.loaded = {**needed, **self.studies}
        self.scale = self._combined_scale()
        self.layout = Layout(params.scale)
        self.renderer = choose_renderer(params.renderer, self.scale.renderer, params.device).name
        self.nodes = Graph()
        batching = Batching(self.scale.batch)
        self._data = DataNodes(
            self.nodes,
            root,
            params,
            self.scale,
            self.layout,
            catalog,
            self.renderer,
            batching,
            self._places("datasets"),
        )
        self.towers = TowerNodes(self._data, self._places("towers"))
        self.papers: dict[str, StudyNodes] = {}
        self.papers.update({name: StudyNodes(study, self.towers, self.papers) for name, study in self.loaded.items()})
        for name in self.studies:
            add_report(self.papers[name])
        if len(self.studies) > 1:
            add_cross(self._data, list(self.studies))

    def _combined_scale(self) -> Scale:
        """Return what all papers have at this scale."""
        first = next(iter(self.studies.values()))
        overlays = [(study.overlay, study.overlay_place) for study in self.loaded.values()]
        return with_own_entries(first.common, first.common_place, overlays)

    def _places(self, section: Literal["datasets", "towers"]) -> dict[str, Place]:
        """Return where each data set, or tower, of the scale stands."""
        first = next(iter(self.studies.values()))
        places = {name: first.common_place.below(section, name) for name in getattr(first.common, section)}
        for study in self.loaded.values():
            places.update({name: study.overlay_place.below(section, name) for name in getattr(study.overlay, section)})
        return places

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Jobs by name, in the order of their first nodes."""
        nodes: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            nodes.setdefault(node.job, []).append(node)
        return {name: Job(name, tuple(members)) for name, members in nodes.items()}

    def jobs_of(self, script: str) -> list[Job]:
        """Return the jobs that a script of ``workflow_scripts/`` makes."""
        return [job for job in self.jobs.values() if job.nodes[0].script == script]

    def node(self, key: str) -> Node:
        """Return a node.

        Raises:
            ConfigError: The configuration asks for no such node.
        """
        if key not in self.nodes:
            raise ConfigError(
                f"Nothing in this configuration makes or needs '{key}'{nearest(key, list(self.nodes))}",
                where=f"scale {self.params.scale}, papers {', '.join(self.params.papers)}",
                next_step="name a file of this graph, or change scale and papers in params.yaml",
            )
        return self.nodes[key]

    def of_stage(self, stage: str) -> list[Node]:
        """Return the nodes of one stage, in order."""
        return [node for node in self.nodes.values() if node.stage == stage]

    def with_upstream(self, keys: Iterable[str]) -> set[str]:
        """Return some nodes' keys and those of everything that they are made from."""
        found: set[str] = set()
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.nodes[key].upstream
        return found

    @cached_property
    def command(self) -> str:
        """The command that makes this graph, whatever params.yaml says."""
        stated = load_yaml(self.root / PARAMS) if (self.root / PARAMS).is_file() else {}
        defaults = {**Params(papers=list(self.params.papers)).model_dump(), **stated}
        asked = {key: value for key, value in self.params.model_dump().items() if value != defaults[key]}
        words = [_word(key, value) for key, value in ({"scale": self.params.scale} | asked).items()]
        return f"snakemake --cores all --config {' '.join(words)}"

    @cached_property
    def maker_of(self) -> dict[str, str]:
        """The node that makes each declared file, records included."""
        made = {str(path): node.key for node in self.nodes.values() for path in node.outputs}
        return made | {str(self.layout.record(key)): key for key in self.nodes}

    def brings_features(self, dataset: str) -> bool:
        """Whether a data set is a release that holds tower features of its shapes."""
        return self._data.brings_features(dataset)


def _word(key: str, value: Any) -> str:
    return f"'{key}=[{','.join(map(str, value))}]'" if isinstance(value, list) else f"{key}={value}"
