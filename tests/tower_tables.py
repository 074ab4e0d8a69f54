"""The frozen towers as tables of docs/TOWERS.md: what each is, what it was fitted on, and what its gate says.

Everything is read from the configuration and from the committed results.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from concord3d.config.models import ScaleName, TowerTraining, TowerUse
from concord3d.config.resolve import load_study
from concord3d.config.study import Study, joined_datasets
from concord3d.features.packaged_weights import PACKAGED
from concord3d.features.tower_config import AlignedTowerConfig, PatchTowerConfig, config_kind
from concord3d.methods.settings import method_settings
from concord3d.reporting.evidence.page_facts import read_page_facts
from concord3d.reporting.markdown import Markdown, code, grid
from concord3d.reporting.pages.tower_gates import ALL_VIEWS, METRIC_WORDS, VERDICTS

# What is measured of classes never fitted on stands beside what the gate demands.
UNSEEN = "unseen_class_top1"


def configurations(root: Path) -> str:
    """Return a row for each file of ``config/towers/``."""
    rows = []
    for path in sorted((root / "config/towers").glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        kind = config_kind(content)
        described = _of_open_clip(content["model_cfg"]) if kind is None else _of_pretrained(kind(**content))
        rows.append([code(path.name), *described])
    columns = ["file", "pictures", "texts", "trained here", "width of features"]
    return "\n".join(grid(columns, rows))


def _of_open_clip(model: Mapping[str, Any]) -> list[str]:
    vision, text = model["vision_cfg"], model["text_cfg"]
    residual = isinstance(vision["layers"], list)
    pictures = f"residual network of width {vision['width']}" if residual else f"transformer of width {vision['width']}"
    patches = "" if residual else f", patches of {vision['patch_size']}"
    texts = f"transformer of width {text['width']}, {text['layers']} layers"
    return [f"{pictures}, {vision['image_size']} pixels{patches}", texts, "both encoders", str(model["embed_dim"])]


def _of_pretrained(config: AlignedTowerConfig | PatchTowerConfig) -> list[str]:
    width = str(PACKAGED[config.texts.encoder].dim)
    if isinstance(config, PatchTowerConfig):
        trunk, tokens = config.trunk, config.tokens
        above = f"transformer of width {tokens.width} and depth {tokens.depth} over the trunk's map"
        return [f"trunk of {trunk.encoder}, {trunk.image_size} pixels", config.texts.encoder, above, width]
    hidden = config.projection.hidden_width
    projection = "linear projection" if hidden is None else f"projection with {hidden} hidden values"
    pictures = f"{config.pictures.encoder}, {config.pictures.image_size} pixels"
    return [pictures, config.texts.encoder, projection, width]


def pretrained_encoders(_: Path) -> str:
    """Return a row for each pre-trained encoder that a tower may be made of."""
    rows = [
        [code(name), release.origin, release.licence, code(f"{release.package} {release.version}"), str(release.dim)]
        for name, release in PACKAGED.items()
    ]
    return "\n".join(grid(["encoder", "origin", "licence", "package", "width"], rows))


def uses(root: Path) -> str:
    """Return a row for each tower of each scale: who uses it, what it was fitted on, and how."""
    rows = []
    for scale, study, name, use, papers in _towers(root):
        model = Path(use.model).name
        used = ", ".join(papers) or "no paper"
        if use.training is None:
            rows.append(
                [scale, code(name), code(model), used, f"released: {use.weights}", "-", "not trained here", "-"]
            )
        else:
            rows.append([scale, code(name), code(model), used, *_training(study, use.training, model)])
    columns = ["scale", "tower", "configuration", "used by", "fitted on", "pictures", "how", "classes never fitted on"]
    return "\n".join(grid(columns, rows))


def _training(study: Study, training: TowerTraining, model: str) -> list[str]:
    names = joined_datasets(training.data["dataset"])
    data = ", ".join(f"{name} ({study.data_kind(name)})" for name in names)
    pictures = f"{', '.join(training.data['view_sets'])} at {training.data['image_size']} pixels"
    settings: Any = method_settings(training.method, training.objective, "objective")
    epochs = training.training["epochs"]
    if training.method == "clip":
        return [data, pictures, f"from random weights, {epochs} epochs; texts about the objects", "none"]
    texts = "names of classes alone" if settings.class_share == 1 else "captions and names of classes"
    steps = f", then {epochs} epochs" if epochs else ""
    first = (
        f"ridge regression (penalty {settings.alpha:g}){steps}" if training.method == "aligned" else f"{epochs} epochs"
    )
    unseen = settings.unseen_classes
    return [data, pictures, f"{first}; {texts}", _never_fitted(settings, unseen)]


def _never_fitted(settings: Any, unseen: int | list[str]) -> str:
    if settings.never_seen:
        return ", ".join(settings.never_seen)
    if not unseen:
        return "none"
    kept = getattr(settings, "unseen_apart", True)
    number = unseen if isinstance(unseen, int) else len(unseen)
    return f"{number}, drawn" if kept else f"none; the gate measures a second fit without {number}"


def gates(root: Path) -> str:
    """Return what the gates say that stand in committed results: what they demand, and unseen classes."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for path in sorted((root / "results").glob("*/*/page_facts.json")):
        scale, paper = path.parts[-3:-1]
        for tower, gate in read_page_facts(path).gates.items():
            for measure in gate["measures"]:
                demanded = measure["threshold"] is not None or measure["metric"] == UNSEEN
                if demanded and measure["view_set"] == ALL_VIEWS:
                    link = f"[{paper}](../results/{scale}/{paper}/appendix.md)"
                    rows.setdefault((scale, tower, *_measured(measure)), []).append(link)
    columns = ["scale", "tower", "measure", "value (%)", "chance (%)", "at least (%)", "gate", "objects", "results"]
    return "\n".join(grid(columns, [[*row, Markdown(", ".join(links))] for row, links in rows.items()]))


def _measured(measure: Mapping[str, Any]) -> tuple[str, ...]:
    least = "-" if measure["threshold"] is None else f"{measure['threshold']:g}"
    numbers = (f"{measure['value']:.1f}", f"{measure['chance']:.1f}", least)
    return (METRIC_WORDS[measure["metric"]], *numbers, VERDICTS[measure["passed"]], str(measure["n_objects"]))


def without_gate(root: Path) -> str:
    """Return the towers that are configured and trained here, and have no gate in committed results."""
    found = {
        (path.parts[-3], tower)
        for path in (root / "results").glob("*/*/page_facts.json")
        for tower in read_page_facts(path).gates
    }
    absent = [
        f"{code(name)} at {code(scale)}"
        for scale, _, name, use, _ in _towers(root)
        if use.training is not None and (scale, name) not in found
    ]
    return f"Without a gate in the committed results: {', '.join(absent)}." if absent else "All have one."


def _towers(root: Path) -> Iterator[tuple[str, Study, str, TowerUse, list[str]]]:
    """Yield the towers of all scales, with a study that knows them and the papers that use them."""
    papers = sorted(path.parent.name for path in (root / "papers").glob("*/paper.yaml"))
    for scale in get_args(ScaleName):
        studies = [
            load_study(root, paper, scale)
            for paper in papers
            if (root / "papers" / paper / "scales" / f"{scale}.yaml").is_file()
        ]
        known = {name: study for study in studies for name in study.scale.towers}
        for name, study in known.items():
            users = [each.paper.short_name for each in studies if name in each.towers()]
            yield scale, study, name, study.scale.towers[name], users
