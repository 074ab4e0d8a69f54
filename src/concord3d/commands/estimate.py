"""``concord3d estimate``: jobs, hours, memory and disk of a scale before anything runs.

Work is counted, not guessed: floating-point operations of every training come from running its modules once on one
object. Speed comes from the records of earlier trainings (results/<scale>/<paper>/provenance), by encoder; where no
record fits, the estimate says so.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from concord3d.commands.workflow import params_of
from concord3d.config.resolve import load_study
from concord3d.config.study import Study, joined_datasets
from concord3d.data.catalog import load_catalog
from concord3d.data.readers import find_reader
from concord3d.files import canonical_json, read_json
from concord3d.render.view_spec import view_spec

CPU = "cpu"
# A training step is one forward and, at about twice its cost, one backward pass.
FORWARD_AND_BACKWARD = 3


@dataclass(frozen=True)
class Speed:
    """Measured training speed of an encoder on a device: operations per second and the largest memory seen."""

    flops_per_s: float
    memory_mb: float
    num_records: int


@cache
def _forward_flops(module: str, settings: str, size: int) -> float:
    """Operations of one forward pass of a point encoder (size: points) or an image encoder (size: pixels)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from concord3d.models.factory import build_point_encoder
    from concord3d.models.image_resnet import image_encoder

    is_point = module == "point"
    network = build_point_encoder(json.loads(settings)) if is_point else image_encoder(settings)
    shape = (1, size, getattr(network, "in_channels", 3)) if is_point else (1, 3, size, size)
    # Spread over the unit cube: voxels and balls are empty where all points coincide.
    example = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(example)
    return float(counter.get_total_flops())


def training_flops(run: dict[str, Any], num_shapes: int) -> float:
    """Floating-point operations of one training, from one forward pass per module (neighbour search not counted)."""
    objective, data = run["objective"], run["data"]
    flops = _forward_flops("point", canonical_json(run["encoder"]), data["num_points"])
    if run["method"] == "mm_point":
        flops *= 2  # two augmented clouds of every object
    if run["method"] == "mm_point" and objective["w_inter"] > 0:
        flops += objective["views"] * _forward_flops("image", objective["image_encoder"], data["image_size"])
    return FORWARD_AND_BACKWARD * flops * num_shapes * run["training"]["epochs"]


def recorded_speeds(root: Path) -> dict[tuple[str, str], Speed]:
    """Measured speeds by (encoder, device) from the committed records of trainings."""
    samples: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for path in sorted((root / "results").glob("*/*/provenance/*.json")):
        record = read_json(path)
        machine, config = record.get("machine", {}), record.get("config")
        if config is None or not machine.get("clouds_per_s"):
            continue
        flops_per_object = training_flops(config, 1) / config["training"]["epochs"]
        key = (config["encoder"]["name"], record["device"])
        samples.setdefault(key, []).append((flops_per_object * machine["clouds_per_s"], record["peak_memory_mb"]))
    return {
        key: Speed(median(rate for rate, _ in values), max(memory for _, memory in values), len(values))
        for key, values in samples.items()
    }


def split_sizes(root: Path, study: Study) -> dict[str, dict[str, int]]:
    """Shapes per split of every data set of a study: as the world is asked to make, or about as the release counts."""
    catalog = load_catalog(root / "datasets" / "datasets.yaml")
    sizes = {}
    for name in study.datasets():
        use = study.scale.datasets[name]
        release = catalog[name].releases[0]
        sizes[name] = dict(use.splits or {}) if use.source == "world" else {**release.about, **release.counts}
    return sizes


def disk_gb(root: Path, study: Study) -> float:
    """Disk of stores, views and weights of a study, in GB (raw data not counted)."""
    catalog = load_catalog(root / "datasets" / "datasets.yaml")
    sizes = split_sizes(root, study)
    total = 0.0
    for name, splits in sizes.items():
        use = study.scale.datasets[name]
        num_points = use.num_points if use.source == "world" else catalog[name].releases[0].num_points or 2048
        bytes_per_point = 15 if find_reader(catalog[name].reader).has_colors else 12
        total += sum(splits.values()) * num_points * bytes_per_point
    view_sets = set()
    for experiment in study.experiments:
        run = study.run_config(experiment, study.seeds[0])
        if run["method"] == "mm_point":
            view_sets.add((run["pretrain"]["dataset"], run["data"]["view_set"], run["data"]["image_size"]))
        total += len(study.seeds_of(experiment)) * (1 + run["training"]["num_snapshots"]) * 2.5e6
    for dataset, view_set, pixels in view_sets:
        spec = view_spec(view_set, pixels)
        total += sizes[dataset].get("train", 0) * spec.num_views * pixels**2 * spec.channels
    return total / 1e9


def print_estimate(root: Path, scale: str | None) -> None:
    """Print the estimate of every paper of ``params.yaml`` at a scale."""
    params = params_of(root, scale)
    speeds = recorded_speeds(root)
    console = Console()
    for name in params.papers:
        study = load_study(root, name, params.scale, params.seeds)
        sizes = split_sizes(root, study)
        table = Table(
            "experiment", "encoder", "trainings", "PFLOP each", "hours each on CPU", "memory GB",
            title=f"{name} at scale {params.scale} ({study.scale.hardware})",
        )  # fmt: skip
        total_hours, unknown = 0.0, 0
        for experiment in study.experiments:
            run = study.run_config(experiment, study.seeds[0])
            if not study.is_trained(experiment):
                continue
            counts = [sizes[name].get("train") for name in joined_datasets(run["pretrain"]["dataset"])]
            known_counts = [count for count in counts if count is not None]
            flops = training_flops(run, sum(known_counts)) if len(known_counts) == len(counts) else None
            speed = speeds.get((run["encoder"]["name"], CPU))
            hours = flops / speed.flops_per_s / 3600 if speed and flops is not None else None
            total_hours += (hours or 0.0) * len(study.seeds_of(experiment))
            unknown += hours is None
            table.add_row(
                experiment,
                run["encoder"]["name"],
                str(len(study.seeds_of(experiment))),
                "number of shapes not known" if flops is None else f"{flops / 1e15:.3g}",
                ("no record of this encoder" if speed is None else "-") if hours is None else f"{hours:.2f}",
                "-" if speed is None else f"{speed.memory_mb / 1000:.1f}",
            )
        console.print(table)
        protocols = Counter(key.protocol for key in study.evaluations())
        console.print(f"Evaluations: {', '.join(f'{count} {protocol}' for protocol, count in protocols.items())}")
        known = f"{total_hours:.1f} h on this kind of CPU, one training after another"
        console.print(f"Training: {known}" + (f"; {unknown} experiments cannot be told" if unknown else ""))
        console.print(
            f"Disk: {disk_gb(root, study):.2f} GB for stores, views and weights, without raw data, data sets of "
            "unknown size and towers' features"
        )
        console.print("Towers and evaluations are not in these hours.")
    console.print(f"Speeds: {sum(speed.num_records for speed in speeds.values())} recorded trainings on {CPU}")
