"""One job of the workflow as data, and the graph of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Node:
    """One job of the workflow.

    Attributes:
        key: Its name, e.g. ``mm_point/train/mm_point__s1``; the record's path follows from it.
        stage: ``raw``, ``data``, ``towers``, a paper, or ``cross``: the stage of dvc.yaml that it belongs to.
        recipe: The settings that change its numbers.
        entries: Modules and scripts that compute them; none for what is fixed by published checksums.
        inputs: Files of other nodes, by the name that the script knows them by.
        makers: Keys of the nodes that make these files, by the same names, each once.
        outputs: Files and folders that it makes.
        params: What its script is told beside the recipe.
        job: Name of the job that makes it; nodes of one job are made one after another in one process.
        threads: Threads that its tensors use.
        shows_accepted: Whether it prints which edits of sources were accepted upstream.
    """

    key: str
    stage: str
    recipe: Mapping[str, Any]
    entries: tuple[str, ...]
    inputs: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    makers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outputs: tuple[Path, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    job: str = ""
    threads: int = 1
    shows_accepted: bool = False

    @property
    def script(self) -> str:
        """Name of the script that makes it; empty where none of ours computes it."""
        return Path(self.entries[0]).stem if self.entries else ""

    @property
    def upstream(self) -> tuple[str, ...]:
        """Keys of the nodes that it is made from, each once."""
        return tuple(dict.fromkeys(key for keys in self.makers.values() for key in keys))


@dataclass(frozen=True)
class Job:
    """Nodes that are made one after another in one process.

    Attributes:
        name: Its name.
        nodes: At least one, each after those of the same job that it is made from.
    """

    name: str
    nodes: tuple[Node, ...]

    @property
    def outputs(self) -> list[Path]:
        """Files and folders that it makes."""
        return [path for node in self.nodes for path in node.outputs]

    @property
    def inputs(self) -> list[Path]:
        """Files of other jobs that it reads, each once."""
        own = set(self.outputs)
        files = dict.fromkeys(path for node in self.nodes for paths in node.inputs.values() for path in paths)
        return [path for path in files if path not in own]

    @property
    def upstream(self) -> list[str]:
        """Keys of the nodes of other jobs that it is made from, each once."""
        own = {node.key for node in self.nodes}
        keys = dict.fromkeys(key for node in self.nodes for key in node.upstream)
        return [key for key in keys if key not in own]

    @property
    def threads(self) -> int:
        """Threads that its tensors use."""
        return max(node.threads for node in self.nodes)


@dataclass(frozen=True)
class Made:
    """Files of one node, as an input of another."""

    node: str
    files: tuple[Path, ...]


class Graph(dict[str, Node]):
    """Nodes by key, each after those that it is made from."""

    def add_node(
        self,
        key: str,
        stage: str,
        recipe: Mapping[str, Any],
        entries: Sequence[str],
        inputs: Mapping[str, Sequence[Made]],
        outputs: Sequence[Path],
        params: Mapping[str, Any] | None = None,
        job: str | None = None,
        threads: int = 1,
        shows_accepted: bool = False,
    ) -> Made:
        """Add a node unless it is there, and return what it makes.

        Args:
            key: See :class:`Node`, as for the others.
            stage: Its stage.
            recipe: The settings that change its numbers.
            entries: Modules and scripts that compute them.
            inputs: What other nodes make, by the name that the script knows it by.
            outputs: Files and folders that it makes.
            params: What its script is told beside the recipe.
            job: Job that makes it; None for one of its own.
            threads: Threads that its tensors use.
            shows_accepted: Whether it prints accepted edits of sources.
        """
        if key not in self:
            self[key] = Node(
                key,
                stage,
                recipe,
                tuple(entries),
                {name: tuple(path for made in parts for path in made.files) for name, parts in inputs.items()},
                {name: tuple(dict.fromkeys(made.node for made in parts)) for name, parts in inputs.items()},
                tuple(outputs),
                params or {},
                job or key.replace("/", "_"),
                threads,
                shows_accepted,
            )
        return Made(key, tuple(outputs))
