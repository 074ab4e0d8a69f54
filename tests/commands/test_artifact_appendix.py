"""The artifact appendix says what the repository has, and what it lacks."""

import json
import re
from pathlib import Path

from concord3d.commands.artifact_appendix import artifact_appendix
from concord3d.commands.nodes import plan_of
from concord3d.workflow.costs import kind_of, read_costs


def test_the_appendix_counts_what_is_there(repository: Path) -> None:
    text, plan = artifact_appendix(repository, "demo"), plan_of(repository, "demo")
    assert f"{len(plan.nodes)} nodes in {len(plan.jobs)} jobs" in text
    costs = read_costs(repository, "demo")
    unknown = sum(kind_of(key) not in costs for key in plan.nodes)
    assert (f"{unknown} were never measured" in text) == bool(unknown)
    for paper in plan.studies:
        claims = json.loads((repository / "results/demo" / paper / "claims.json").read_text())
        row = re.search(rf"^\| {paper} \| (\d+) \| (.+) \|$", text, re.M)
        assert int(row[1]) == len(claims) == sum(map(int, re.findall(r"\d+", row[2])))
        holding = sum(claim["verdict"] == "holds" for claim in claims)
        assert (f"{holding} holds" in row[2]) == bool(holding)


def test_a_scale_without_results_says_so(repository: Path) -> None:
    text = artifact_appendix(repository, "smoke")
    assert "make reproduce SCALE=smoke" in text and "| mm_point | | no results came" in text
