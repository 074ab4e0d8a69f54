"""``concord3d estimate``: jobs, hours, memory and disk of a scale before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from concord3d.commands.disk_use import Sizes, disk_gb
from concord3d.commands.training_work import Speed, forward_passes, recorded_speeds, training_flops
from concord3d.commands.workflow import params_of
from concord3d.methods.settings import method_kind
from concord3d.workflow.costs import read_costs, whole_cost
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan

CPU = "cpu"
# What no script of ours makes.
OBTAINED = "obtain_dataset"


@dataclass(frozen=True)
class TrainingEstimate:
    """Trainings of one experiment, or of one tower.

    Attributes:
        name: Stage and experiment.
        network: The network whose weights are saved; None where the method does not say which it runs.
        num_runs: Trainings, one per seed.
        flops: Operations of each; None where the network or the number of units is not known.
        hours: Of each; None where that, or the speed, is not known.
        memory_mb: Largest memory of recorded trainings of this network; None where there is none.
    """

    name: str
    network: str | None
    num_runs: int
    flops: float | None
    hours: float | None
    memory_mb: float | None


def estimated_trainings(
    plan: Plan,
    sizes: Sizes,
    speeds: Mapping[tuple[str, str], Speed],
    device: str = CPU,
) -> list[TrainingEstimate]:
    """Estimate every training of a plan, of papers and of towers alike.

    Args:
        plan: All nodes.
        sizes: Of its data sets.
        speeds: By network and device.
        device: ``cpu`` or ``cuda``.
    """
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for node in plan.nodes.values():
        run = node.params["run"] if node.script == "train" else None
        if run is not None and method_kind(run["method"]).is_trained:
            runs.setdefault(f"{node.stage}/{run['experiment']}", []).append(run)
    found = []
    for name, (run, *others) in runs.items():
        passes, units = forward_passes(run), sizes.units(dict(run))
        network = passes[0].network if passes else None
        speed = None if network is None else speeds.get((network, device))
        flops = None if network is None or units is None else training_flops(plan.root, run, units)
        hours = None if flops is None or speed is None else flops / speed.flops_per_s / 3600
        memory = None if speed is None else speed.memory_mb
        found.append(TrainingEstimate(name, network, 1 + len(others), flops, hours, memory))
    return found


def print_estimate(root: Path, scale: str | None) -> None:
    """Print the estimate of the papers of ``params.yaml`` at a scale.

    Args:
        root: The repository.
        scale: Replaces the scale of ``params.yaml``.
    """
    params = params_of(root, scale)
    plan, device = Plan(root, params), "cuda" if params.device == "cuda" else CPU
    sizes, speeds = Sizes(plan), recorded_speeds(root)
    console = Console()
    title = f"{', '.join(params.papers)} at scale {params.scale} ({plan.scale.hardware})"
    console.print(_job_table(plan, sizes, title))
    protocols = Counter(job[0] for node in plan.nodes.values() for job in node.params.get("jobs", ()))
    console.print(f"Evaluations: {', '.join(f'{count} {protocol}' for protocol, count in protocols.items())}")
    trainings = estimated_trainings(plan, sizes, speeds, device)
    console.print(_training_table(trainings, device))
    hours = sum(entry.num_runs * (entry.hours or 0.0) for entry in trainings)
    unknown = [entry.name for entry in trainings if entry.hours is None]
    told = f"; not known: {', '.join(unknown)}" if unknown else ""
    console.print(f"Training: {_hours(hours)} h on this kind of {device}, one after another{told}")
    count = sum(speed.num_records for (_, where), speed in speeds.items() if where == device)
    console.print(f"Speeds: {count} recorded trainings on {device}")
    console.print(_whole(plan, read_costs(root, params.scale)))
    total, left_out = disk_gb(plan, sizes)
    missing = ", ".join(f"{number} of {kind}" for kind, number in left_out.items())
    console.print(
        f"Disk: {total:.2f} GB for stores, views, features and weights, without raw data"
        + (f" and nodes of unknown size ({missing})" if missing else "")
    )


def _whole(plan: Plan, costs: Mapping[str, float]) -> str:
    """Say what the whole graph takes by the costs that runs of this scale have left."""
    if not costs:
        return (
            f"The whole: not known, nobody has recorded a run of scale {plan.params.scale} (concord3d costs --record)"
        )
    cpu_seconds, unmeasured = whole_cost(costs, plan.nodes.values(), len(plan.jobs))
    unknown = Counter(map(_kind, unmeasured))
    told = f"; never measured: {', '.join(f'{count} {kind}' for kind, count in unknown.items())}" if unknown else ""
    return (
        f"The whole, as recorded at this scale: {_hours(cpu_seconds / 3600)} CPU-hours, starts of jobs included{told}"
    )


def _job_table(plan: Plan, sizes: Sizes, title: str) -> Table:
    table = Table("kind", "jobs", "nodes", "pictures", title=title)
    jobs = Counter(_kind(job.nodes[0]) for job in plan.jobs.values())
    nodes: dict[str, list[Node]] = {}
    for node in plan.nodes.values():
        nodes.setdefault(_kind(node), []).append(node)
    for kind, members in nodes.items():
        counts = [sizes.pictures(node) for node in members] if kind in ("views", "encode") else []
        pictures = str(sum(count or 0 for count in counts)) if counts else ""
        table.add_row(kind, str(jobs[kind]), str(len(members)), pictures)
    table.add_row("all", str(len(plan.jobs)), str(len(plan.nodes)), "")
    return table


def _kind(node: Node) -> str:
    return node.script or OBTAINED


def _training_table(trainings: list[TrainingEstimate], device: str) -> Table:
    table = Table("training", "network", "runs", "PFLOP each", f"hours each on {device}", "memory GB")
    for entry in trainings:
        table.add_row(
            entry.name,
            entry.network or "not known",
            str(entry.num_runs),
            "not known" if entry.flops is None else f"{entry.flops / 1e15:.3g}",
            "no record of this network" if entry.hours is None else _hours(entry.hours),
            "-" if entry.memory_mb is None else f"{entry.memory_mb / 1000:.1f}",
        )
    return table


def _hours(hours: float) -> str:
    return f"{hours:.2g}" if hours < 10 else f"{hours:.0f}"
