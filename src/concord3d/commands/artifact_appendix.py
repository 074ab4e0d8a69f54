"""The artifact appendix that conferences of the ACM ask for, from what the repository says of itself."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

from concord3d.commands.disk_use import Sizes, disk_gb
from concord3d.commands.workflow import params_of
from concord3d.config.strict_yaml import load_yaml
from concord3d.files import read_json
from concord3d.workflow.costs import read_costs, whole_cost
from concord3d.workflow.plan import Plan


def artifact_appendix(root: Path, scale: str) -> str:
    """Return the appendix as Markdown: check-list, access, installation, workflow, expected results.

    Args:
        root: The repository.
        scale: The scale that an evaluator runs; its committed results are the expected ones.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = load_yaml(root / "CITATION.cff")
    plan = Plan(root, params_of(root, scale))
    size, _ = disk_gb(plan, Sizes(plan))
    seeds = ", ".join(map(str, plan.scale.seeds))
    python = project["requires-python"]
    rows = {
        "Program": f"{citation['title']}, version {citation['version']}",
        "Run-time environment": f"Linux, Python {python}, make, git; {_locked(root)} locked packages",
        "Hardware": plan.scale.hardware,
        "Data": f"{len(plan.scale.datasets)} data sets; {_sources(plan)}",
        "Experiments": f"{len(plan.nodes)} nodes in {len(plan.jobs)} jobs, seeds {seeds}",
        "Output": f"tables, figures and verdicts below results/{scale}/",
        "Disk": f"{size:.1f} GB for what the run makes, raw data not counted",
        "Time": _time(plan),
        "Workflow framework": "Snakemake and DVC",
        "Licence": project["license"],
    }
    table = "\n".join(f"| {name} | {told} |" for name, told in rows.items())
    return f"""# Artifact appendix

| item | |
|---|---|
{table}

## Installation

    make setup

## Experiment workflow

    make reproduce SCALE={scale}

## Evaluation and expected results

The last step compares every row of metrics and every verdict with those that came with the artifact (`concord3d
compare`). Expected:

{_verdicts(root, plan)}
## Customisation

config/README.md lists every knob; docs/ADDING_A_PAPER.md says how another paper is added.
"""


def _locked(root: Path) -> int:
    return (root / "envs/requirements.lock").read_text(encoding="utf-8").count("==")


def _sources(plan: Plan) -> str:
    counts = Counter(dataset.source for dataset in plan.scale.datasets.values())
    told = {"world": "made by the embedded synthetic world", "real": "real"}
    return ", ".join(f"{count} {told.get(source, source)}" for source, count in counts.items())


def _time(plan: Plan) -> str:
    costs = read_costs(plan.root, plan.params.scale)
    cpu_seconds, unmeasured = whole_cost(costs, plan.nodes.values(), len(plan.jobs))
    known = f"{cpu_seconds:.0f} CPU-seconds"
    told = f" for {len(plan.nodes) - len(unmeasured)} nodes; {len(unmeasured)} were never measured"
    return known + (told if unmeasured else "")


def _verdicts(root: Path, plan: Plan) -> str:
    lines = ["| paper | claims | verdicts |", "|---|---|---|"]
    for paper in plan.studies:
        path = root / plan.layout.result(paper, "claims.json")
        if not path.is_file():
            lines.append(f"| {paper} | | no results came with this artifact at this scale |")
            continue
        verdicts = Counter(str(claim["verdict"]) for claim in read_json(path))
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        lines.append(f"| {paper} | {sum(verdicts.values())} | {told} |")
    return "\n".join(lines) + "\n"
