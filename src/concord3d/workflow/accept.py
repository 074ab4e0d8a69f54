"""Declaring that an edit of sources changes no number of named nodes, so that they need not be made again.

The record keeps the sources that the node was made with and adds those that were accepted, with the reason; pages and
provenance show both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from concord3d.errors import ArtifactStale, ConfigError, nearest
from concord3d.provenance.checkout import git_state
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan
from concord3d.workflow.records import write_record
from concord3d.workflow.state import State, changed_sources, listed


def accept_source(plan: Plan, patterns: Sequence[str], because: str) -> list[str]:
    """Accept the present sources for the nodes that match, wherever nothing else has changed.

    Args:
        plan: The graph.
        patterns: Keys of nodes, with shell wildcards.
        because: Why no number changes; it stands in the record and on the pages.

    Returns:
        The keys of the nodes whose records were changed.

    Raises:
        ConfigError: A pattern matches no node, or the reason is empty.
        ArtifactStale: A named node differs by more than its sources; the records of the others are written.
    """
    if not because.strip():
        raise ConfigError("An edit is accepted for a reason", where="--because", expected="a sentence", found="nothing")
    for pattern in patterns:
        if not any(fnmatchcase(key, pattern) for key in plan.nodes):
            hint = nearest(pattern, list(plan.nodes))
            raise ConfigError(f"No node is called '{pattern}'{hint}", expected="a key such as mm_point/train/*")
    wanted = {key for key in plan.nodes if any(fnmatchcase(key, pattern) for pattern in patterns)}
    commit = git_state(plan.root)[0]
    changed: list[str] = []

    def accept(node: Node, record: dict[str, Any], ingredients: Mapping[str, Any]) -> bool:
        if node.key not in wanted:
            return False
        edit = {
            "source": ingredients["source"],
            "modules": {
                name: ingredients["modules"].get(name) for name in changed_sources(record["ingredients"], ingredients)
            },
            "because": because.strip(),
            "git_commit": commit,
        }
        path = plan.root / plan.layout.record(node.key)
        times = path.stat()
        record["accepted"].append(edit)
        write_record(path, record)
        # What was made from this node has not become older by it.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        changed.append(node.key)
        return True

    refused = [
        finding
        for finding in State(plan, accept=accept).findings(wanted)
        if finding.status == "stale" and not plan.nodes[finding.node].shows_accepted
    ]
    if refused:
        raise ArtifactStale(
            f"{len(refused)} of the named nodes differ by more than their sources; {len(changed)} others were accepted",
            found="\n" + listed(refused),
            next_step="make these anew",
        )
    return changed
