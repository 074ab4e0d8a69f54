"""What pages tell beside the numbers and what no other file of the results holds, as a file among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from concord3d.errors import ReportingError
from concord3d.files import read_json, write_json


@dataclass(frozen=True, order=True)
class EarlierRows:
    """Rows of one training that were measured for an earlier report.

    Attributes:
        experiment: Identifier.
        seed: Of the training.
        num_rows: How many rows of ``metrics.csv``.
        why: Why they are left out, or how they differ from what would be measured now.
    """

    experiment: str
    seed: int
    num_rows: int
    why: str


@dataclass(frozen=True)
class PageFacts:
    """What pages tell beside the numbers.

    Attributes:
        gates: What the gate of each tower that was trained here says.
        accepted: Edits of sources that were declared to change no number, by node of the workflow.
        left_out: Rows that a report made from results has left out.
        kept: Rows that it has kept although something is to be said about them.
        labels: What is told of the pseudo-labels of each training that leaves some, by ``<experiment>__s<seed>``.
    """

    gates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    accepted: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    left_out: tuple[EarlierRows, ...] = ()
    kept: tuple[EarlierRows, ...] = ()
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def write_page_facts(facts: PageFacts, path: Path) -> None:
    """Write ``page_facts.json``."""
    write_json(path, asdict(facts))


def read_page_facts(path: Path) -> PageFacts:
    """Read ``page_facts.json``.

    Raises:
        UnreadableFile: The file is absent or not JSON.
        ReportingError: It has other keys.
    """
    content = read_json(path)
    try:
        earlier = {name: tuple(EarlierRows(**rows) for rows in content[name]) for name in ("left_out", "kept")}
        # Older results tell of no labels.
        return PageFacts(content["gates"], content["accepted"], **earlier, labels=content.get("labels", {}))
    except (KeyError, TypeError) as error:
        raise ReportingError(
            "What pages tell has other keys", where=path, expected=list(asdict(PageFacts())), found=repr(error)
        ) from error
