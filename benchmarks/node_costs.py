"""CPU-seconds of every kind of node of a finished run, from its logs, as a Markdown table.

Run it in the clone where ``snakemake --cores all`` has made everything in one go::

    python benchmarks/node_costs.py
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

MADE = re.compile(r"^(?P<node>\S+): (?P<seconds>\d+\.\d\d) CPU-seconds$", re.MULTILINE)
PAPERS = tuple(sorted(path.name for path in Path("papers").iterdir() if path.is_dir()))
SHARED = "data and towers"


def kind_of(node: str) -> tuple[str, str]:
    """Return the paper that a node belongs to, and what kind it is; seeds are added up."""
    first, *rest = node.split("/")
    if first not in PAPERS:
        return SHARED, "/".join([first, *rest[:1]]) if first in ("towers", "features") else first
    return first, "/".join(part.partition("__s")[0] for part in rest)


def main(logs: Path) -> None:
    """Print the table; nodes of one kind are added up."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for log in sorted(logs.rglob("*.log")):
        for match in MADE.finditer(log.read_text(encoding="utf-8")):
            found[kind_of(match["node"])].append(float(match["seconds"]))
    if not found:
        sys.exit(f"No log below {logs} says what a node cost; run the pipeline first")
    print("| of | nodes | number | CPU-seconds |\n|---|---|---|---|")
    for paper in (SHARED, *PAPERS):
        rows = {kind: seconds for (of, kind), seconds in found.items() if of == paper}
        for kind, seconds in sorted(rows.items(), key=lambda row: -sum(row[1])):
            print(f"| {paper} | {kind} | {len(seconds)} | {sum(seconds):.1f} |")
        total = [second for seconds in rows.values() for second in seconds]
        print(f"| {paper} | **all** | {len(total)} | **{sum(total):.1f}** |")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "logs"))
