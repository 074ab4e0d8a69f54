"""What the records say, compared with what the configuration and the sources ask for.

The identity of a node is the hash of its recipe, of its sources and of the identities of its inputs, so it stands for
everything that the node was made of. A node whose record holds another identity is stale, whatever the times of files
or the memory of the workflow tool say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from concord3d.errors import ArtifactDamaged, UnreadableFile
from concord3d.files import content_hash, differing_keys
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan
from concord3d.workflow.records import content_of, damaged_files, read_record, repair_command
from concord3d.workflow.sources import Sources

MAX_LISTED = 12
NO_RECORD = "it has no record"

Status = Literal["current", "absent", "stale", "damaged"]


@dataclass(frozen=True)
class NodeState:
    """One node, as it is and as it should be.

    Attributes:
        node: The node.
        asked: The identity that configuration and sources ask for.
        identity: The identity that others build upon: the recorded one where an edit of the sources was accepted.
        ingredients: What ``asked`` is the hash of, and the hash of each source.
        status: ``current``; ``absent`` (not made, or a file that it should leave is gone); ``stale`` (made of something
            else); ``damaged`` (a file inside a folder is gone or has other bytes).
        reasons: What differs.
        content: Hash of the files that it made, where there is a record.
        accepted: Edits of the sources that were declared to change no number (see ``accept-source``).
    """

    node: Node
    asked: str
    identity: str
    ingredients: Mapping[str, Any]
    status: Status
    reasons: tuple[str, ...] = ()
    content: str | None = None
    accepted: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Finding:
    """A node that is not what was asked.

    Attributes:
        node: Its key.
        status: See :class:`NodeState`.
        reasons: What differs.
        next_step: The command that mends it.
    """

    node: str
    status: Status
    reasons: tuple[str, ...]
    next_step: str

    def __str__(self) -> str:
        lines = [f"{self.node} is {self.status}", *(f"  {reason}" for reason in self.reasons[:4])]
        more = [f"  and {len(self.reasons) - 4} more differences"] if len(self.reasons) > 4 else []
        return "\n".join([*lines, *more, f"  next: {self.next_step}"])


def listed(findings: Sequence[Finding]) -> str:
    """Return findings as text, the first of many."""
    more = [f"and {len(findings) - MAX_LISTED} more"] if len(findings) > MAX_LISTED else []
    return "\n".join([*map(str, findings[:MAX_LISTED]), *more])


class State:
    """All nodes of a plan, compared with their records.

    Args:
        plan: The graph.
        depth: ``quick`` compares sizes of large files, ``full`` reads every byte.
        accept: Asked of every node of which nothing but sources has changed; whether these give the same numbers, which
            its record then says. Upstream nodes come first.
    """

    def __init__(
        self,
        plan: Plan,
        depth: Literal["quick", "full"] = "quick",
        accept: Callable[[Node, dict[str, Any], Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.plan = plan
        self._depth: Literal["quick", "full"] = depth
        self._accept = accept
        self.nodes: dict[str, NodeState] = {}
        self._named: set[str] = set()
        self._looked = Sources(plan.root)
        self._modules: dict[tuple[str, ...], dict[str, str]] = {}
        self._digests: dict[tuple[str, ...], str] = {}
        for node in plan.nodes.values():
            self.nodes[node.key] = self._state(node)

    def must_be_made_again(self, key: str) -> bool:
        """Whether a node exists in part or was made of something else; says so on standard error, once.

        Raises:
            ArtifactDamaged: Its files are damaged; says which and how to mend them.
        """
        state = self.nodes[key]
        if state.status == "damaged":
            damaged = [finding for finding in self.findings() if finding.status == "damaged"]
            raise ArtifactDamaged(
                f"{len(damaged)} nodes are damaged, '{key}' among them",
                where=self.plan.layout.record(key),
                found=f"\n{listed(damaged)}",
                next_step="the command below each node",
            )
        # Raw data may be gone, for what was made of them stands; a part of any other node may not, its record neither.
        in_part = state.status == "absent" and state.node.stage != "raw" and self._has_part(state)
        again = state.status == "stale" or in_part
        if again and key not in self._named:
            self._named.add(key)
            if not self._came_with_the_clone(state):
                print(f"{key} is made again: {'; '.join(state.reasons[:3])}", file=sys.stderr)
        return again

    def _came_with_the_clone(self, state: NodeState) -> bool:
        # Results are part of a clone, their records are not: of nothing else is it usual that they lack one.
        return state.reasons == (NO_RECORD,) and all(
            Path(path).is_relative_to(self.plan.layout.results) for path in state.node.outputs
        )

    def _has_part(self, state: NodeState) -> bool:
        return state.content is not None or any((self.plan.root / path).exists() for path in state.node.outputs)

    def findings(self, keys: Iterable[str] | None = None) -> list[Finding]:
        """Return the nodes that are not current.

        Raw data that are absent are none: nothing needs them once their stores and views are made.

        Args:
            keys: Only these nodes; None means all.
        """
        wanted = self.nodes if keys is None else set(keys)
        return [
            Finding(state.node.key, state.status, state.reasons, self._remedy(state))
            for key, state in self.nodes.items()
            if key in wanted
            and state.status != "current"
            and not (state.node.stage == "raw" and state.status == "absent")
        ]

    def payload(self, key: str) -> dict[str, Any]:
        """Return what the job of a node needs: what it reads and makes, and what its record says."""
        state = self.nodes[key]
        layout, node = self.plan.layout, state.node
        return {
            "node": key,
            "identity": state.asked,
            "accepted_identity": state.identity,
            "files": {name: [str(path) for path in paths] for name, paths in node.inputs.items()},
            "outputs": [str(path) for path in node.outputs],
            "params": dict(node.params),
            "device": self.plan.params.device,
            "threads": node.threads,
            "record": str(layout.record(key)),
            "command": self.plan.command,
            "entries": list(state.node.entries),
            "bytes": self._bytes(state.node),
            "ingredients": dict(state.ingredients),
            "inputs": {
                upstream: {
                    "record": str(layout.record(upstream)),
                    "identities": sorted({self.nodes[upstream].identity, self.nodes[upstream].asked}),
                }
                for upstream in state.node.upstream
            },
        }

    def _remedy(self, state: NodeState) -> str:
        if state.status == "damaged":
            return repair_command(self.plan.layout.record(state.node.key))
        return self.plan.command

    def _state(self, node: Node) -> NodeState:
        root, path = self.plan.root, self.plan.layout.record(node.key)
        ingredients = self._ingredients(node)
        asked = content_hash(ingredients)
        ingredients = {**ingredients, "modules": self._sources(node)}
        try:
            record = read_record(root / path)
        except UnreadableFile as error:
            return NodeState(node, asked, asked, ingredients, "damaged", (error.what,))
        if record is None:
            return NodeState(node, asked, asked, ingredients, "absent", (NO_RECORD,))
        if record["node"] != node.key:
            return NodeState(node, asked, asked, ingredients, "damaged", ("it is the record of another node",))
        unlisted = _unlisted(node, record)
        if unlisted:
            # What was made of something else may have made other files, as an earlier version does.
            status: Status = "damaged" if record["identity"] == asked else "stale"
            reasons = [f"its record does not list {output}" for output in unlisted]
            return NodeState(node, asked, asked, ingredients, status, tuple(reasons), content_of(record))
        gone = [str(output) for output in node.outputs if not (root / output).exists()]
        if gone:
            reasons = [f"{name}: absent" for name in gone]
            return NodeState(node, asked, asked, ingredients, "absent", tuple(reasons), content_of(record))
        problems = self._damage(node, record)
        reasons = [
            f"its input '{key}' was made again and has other content"
            for key, made in record["inputs"].items()
            if key in self.nodes and self.nodes[key].content not in (None, made["content"])
        ]
        if record["identity"] != asked and (problems or reasons or not self._accepted(node, record, ingredients)):
            reasons = [*differences(record["ingredients"], ingredients), *reasons]
            return NodeState(node, asked, asked, ingredients, "stale", tuple(reasons), content_of(record))
        if problems:
            return NodeState(node, asked, asked, ingredients, "damaged", tuple(problems), content_of(record))
        return NodeState(
            node,
            asked,
            record["identity"],
            ingredients,
            "stale" if reasons else "current",
            tuple(reasons),
            content_of(record),
            tuple(record["accepted"]),
        )

    def _damage(self, node: Node, record: Mapping[str, Any]) -> list[str]:
        # Raw data are many files, which the jobs that read them check.
        if node.stage == "raw" and self._depth == "quick":
            return []
        return damaged_files(self.plan.root, record, self._depth)

    def _ingredients(self, node: Node) -> dict[str, Any]:
        inputs = {name: [self.nodes[key].identity for key in keys] for name, keys in node.makers.items()}
        ingredients = {"recipe": dict(node.recipe), "inputs": inputs, "source": content_hash(self._sources(node))}
        if node.shows_accepted:
            behind = sorted(self.plan.with_upstream(node.upstream))
            ingredients["accepted"] = {
                key: [dict(edit) for edit in self.nodes[key].accepted] for key in behind if self.nodes[key].accepted
            }
        return ingredients

    def _accepted(self, node: Node, record: dict[str, Any], ingredients: Mapping[str, Any]) -> bool:
        """Whether a record holds, or is to hold, that sources such as the present ones give the same numbers."""
        made = record["ingredients"]
        parts = ("recipe", "inputs", "accepted")
        if any(content_hash(made.get(part)) != content_hash(ingredients.get(part)) for part in parts):
            return False
        if any(edit["source"] == ingredients["source"] for edit in record["accepted"]):
            return True
        return self._accept is not None and self._accept(node, record, ingredients)

    def _sources(self, node: Node) -> dict[str, str]:
        if node.entries not in self._modules:
            self._modules[node.entries] = self._looked.hashes(node.entries)
        return self._modules[node.entries]

    def _bytes(self, node: Node) -> str:
        if node.entries not in self._digests:
            self._digests[node.entries] = self._looked.bytes_digest(self._sources(node))
        return self._digests[node.entries]


def differences(made: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Say what differs between the ingredients that a node was made of and those asked for."""
    settings = differing_keys(made["recipe"], asked["recipe"])
    found = [f"{key}: {_shown(old)} -> {_shown(new)}" for key, (old, new) in settings.items()]
    found += [f"another input: {name}" for name in differing_keys(made["inputs"], asked["inputs"])]
    found += [f"the source of {name} has changed" for name in changed_sources(made, asked)]
    if content_hash(made.get("accepted")) != content_hash(asked.get("accepted")):
        found.append("other edits of sources are accepted upstream")
    return found or ["its identity is another one"]


def changed_sources(made: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return the modules and scripts that differ between the ingredients of a record and those asked for."""
    return list(differing_keys(made["modules"], asked["modules"]))


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unlisted(node: Node, record: Mapping[str, Any]) -> list[str]:
    """Return the outputs of a node that its record does not list."""
    files = record["files"]
    outputs = [str(output) for output in node.outputs]
    return [output for output in outputs if output not in files and not any(f.startswith(f"{output}/") for f in files)]
