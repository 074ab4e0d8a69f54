"""From configuration files to studies: reading, and the checks that one file alone does not allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from concord3d.config.models import AllBut, Paper, PaperScale, Params, Scale
from concord3d.config.places import Place
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.study import Need, Study, joined_datasets
from concord3d.config.validation import require_known, validate
from concord3d.errors import ConfigError
from concord3d.layout import PAPERS, PARAMS, RESERVED, paper_scale_yaml, paper_yaml, scale_yaml

# Settings that every training has, whatever its method.
REQUIRED = ("data.dataset", "training.threads")


def load_params(content: dict[str, Any], where: str | Place = str(PARAMS)) -> Params:
    """Validate the content of ``params.yaml`` (already parsed, with any ``--config`` overrides applied).

    Args:
        content: What the file and the command line say.
        where: What messages call it; the place of the file adds lines.

    Raises:
        ConfigError: An unknown key, a wrong type or an impossible value.
    """
    return validate(Params, content, where)


def load_study(
    root: Path,
    paper_name: str,
    scale_name: str,
    seeds: list[int] | None = None,
    catalog: Collection[str] | None = None,
) -> Study:
    """Read and cross-check one paper at one scale, and the papers whose trainings it needs.

    Args:
        root: The repository.
        paper_name: A folder of ``papers/``.
        scale_name: A file of ``config/scales/`` without its suffix.
        seeds: Replaces the seeds of the scale; experiments that are too costly for all take the first of them.
        catalog: Data sets that exist; None leaves the names of the scale unchecked.

    Raises:
        ConfigError: A file is invalid or names something that does not exist.
    """
    available = sorted(path.parent.name for path in (root / PAPERS).glob("*/paper.yaml"))
    require_known(paper_name, available, "paper", f"{PARAMS}: papers")
    scale_place = Place(root, scale_yaml(scale_name))
    scale = validate(Scale, load_yaml(root / scale_place.file), scale_place)
    if catalog is not None:
        require_known(scale.datasets, catalog, "data set", scale_place.below("datasets"))
    loaded: dict[str, Study] = {}
    waiting = [paper_name]
    while waiting:
        name = waiting.pop()
        study = _read_study(root, name, scale, seeds, loaded)
        if catalog is not None:
            require_known(study.overlay.datasets, catalog, "data set", study.overlay_place.below("datasets"))
        _check_names(study)
        loaded[name] = study
        for experiment in study.experiments:
            place = study.experiment_place(experiment).below("needs")
            for role, need in study.needs_of(experiment).items():
                require_known(need.paper, available, "paper", place.below(role))
                waiting += [] if need.paper in (*loaded, *waiting) else [need.paper]
    # In this order: each check relies on those before it.
    for check in (_check_needs, _refuse_circles, _check_datasets):
        for study in loaded.values():
            check(study)
    return loaded[paper_name]


def _read_study(root: Path, name: str, scale: Scale, seeds: list[int] | None, loaded: Mapping[str, Study]) -> Study:
    """Read one paper at one scale and check what its own files name."""
    place, overlay_place = Place(root, paper_yaml(name)), Place(root, paper_scale_yaml(name, scale.scale))
    paper = validate(Paper, load_yaml(root / place.file), place)
    if paper.paper != name:
        raise ConfigError(
            "A paper has another name than its folder",
            where=str(place.below("paper")),
            expected=name,
            found=paper.paper,
        )
    if name in RESERVED:
        raise ConfigError(
            f"a paper cannot be called '{name}'",
            where=str(place.below("paper")),
            expected=f"none of {', '.join(RESERVED)}",
        )
    if not (root / overlay_place.file).is_file():
        there = sorted(path.stem for path in (root / overlay_place.file).parent.glob("*.yaml"))
        raise ConfigError(
            f"paper '{name}' does not run at scale '{scale.scale}'",
            where=f"{PARAMS}: papers, scale",
            expected=str(overlay_place.file),
            found=f"files for {', '.join(there) or 'no scale'}",
            next_step="choose another scale, or leave the paper out",
        )
    overlay = validate(PaperScale, load_yaml(root / overlay_place.file), overlay_place)
    own_seeds = seeds or overlay.seeds or scale.seeds
    return Study(
        root=root,
        paper=paper,
        common=scale,
        scale=with_own_entries(scale, Place(root, scale_yaml(scale.scale)), [(overlay, overlay_place)]),
        overlay=overlay,
        seeds=tuple(own_seeds),
        untrained_seeds=tuple(seeds or max(own_seeds, scale.untrained_seeds or [], key=len)),
        loaded=loaded,
    )


def with_own_entries(scale: Scale, place: Place, overlays: Iterable[tuple[PaperScale, Place]]) -> Scale:
    """Return a scale with the data sets and towers that some papers add to it.

    Args:
        scale: What is common to all papers.
        place: Its file.
        overlays: What papers say, each with its file.

    Raises:
        ConfigError: Two files give one name to different things.
    """
    merged: dict[str, dict[str, Any]] = {"datasets": dict(scale.datasets), "towers": dict(scale.towers)}
    origin = {(kind, name): place for kind, entries in merged.items() for name in entries}
    for overlay, file in overlays:
        for kind, entries in (("datasets", overlay.datasets), ("towers", overlay.towers)):
            for name, entry in entries.items():
                first = origin.setdefault((kind, name), file)
                if merged[kind].setdefault(name, entry) != entry:
                    raise ConfigError(
                        f"'{name}' stands for different things in two files",
                        where=str(file.below(kind, name)),
                        expected=f"the same as in {first.below(kind, name)}, or another name",
                    )
    return scale.model_copy(update=merged)


def _check_names(study: Study) -> None:
    """Refuse names of experiments, protocols and data sets that do not exist, and settings that are missing."""
    paper, overlay = study.paper, study.overlay
    file, scaled = study.paper_place, study.overlay_place
    _check_required(study)
    chosen = overlay.experiments
    if isinstance(chosen, AllBut):
        require_known(chosen.all_but, paper.experiments, "experiment", scaled.below("experiments", "all_but"))
    elif chosen != "all":
        require_known(chosen, paper.experiments, "experiment", scaled.below("experiments"))
    require_known(overlay.experiment_set, study.experiments, "experiment", scaled.below("experiment_set"))
    require_known(overlay.max_seeds, study.experiments, "experiment", scaled.below("max_seeds"))
    require_known(overlay.protocols, paper.protocols, "protocol", scaled.below("protocols"))
    for experiment, entry in paper.experiments.items():
        place = study.experiment_place(experiment)
        require_known(entry.protocols or [], paper.protocols, "protocol", place.below("protocols"))
    for name, base in paper.protocols.items():
        place = file.below("protocols", name, "experiments")
        require_known(base.experiments or [], paper.experiments, "experiment", place)
    for name, changed in overlay.protocols.items():
        here = scaled.below("protocols", name)
        require_known(changed.experiments or [], study.experiments, "experiment", here.below("experiments"))
        stated = file.below("protocols", name) if changed.datasets is None else here
        require_known(study.protocol(name).datasets, study.scale.datasets, "data set", stated.below("datasets"))


def _check_required(study: Study) -> None:
    """Refuse a paper whose defaults lack what every training has, and a tower that learns from unknown data."""
    defaults = {str(section): keys for section, keys in study.paper.defaults.items()}
    for dotted in REQUIRED:
        section, key = dotted.split(".")
        if key not in defaults.get(section, {}):
            raise ConfigError(
                f"'{dotted}' is missing",
                where=str(study.paper_place.below("defaults", section)),
                expected=f"'{key}' with its value and its origin",
                found=", ".join(defaults.get(section, {})) or "nothing",
            )
    for name, tower in study.scale.towers.items():
        file = study.overlay_place if name in study.overlay.towers else study.common_place
        if tower.training is not None:
            place = file.below("towers", name, "training", "data", "dataset")
            for dataset in joined_datasets(str(tower.training.data["dataset"])):
                require_known(dataset, study.scale.datasets, "data set", place)


def _check_needs(study: Study) -> None:
    """Refuse trainings that need one which does not run at this scale, or not with their seeds."""
    for experiment in study.experiments:
        for role, need in study.needs_of(experiment).items():
            place = study.experiment_place(experiment).below("needs", role)
            other = study.loaded[need.paper]
            require_known(need.experiment, other.experiments, f"{role} in {need.paper} at this scale:", place)
            there = other.seeds_of(need.experiment)
            missing = [seed for seed in study.seeds_of(experiment) if seed not in there]
            if missing:
                raise ConfigError(
                    f"'{experiment}' has seeds that its {role} '{need.experiment}' does not run with",
                    where=str(place),
                    expected=f"seeds among {', '.join(map(str, there))}",
                    found=", ".join(map(str, missing)),
                    next_step=f"change seeds or max_seeds in {study.overlay_place.file} or {other.overlay_place.file}",
                )


def _refuse_circles(study: Study) -> None:
    """Refuse trainings that need each other in turn."""
    for experiment in study.experiments:
        start = Need(study.paper.paper, experiment)
        ways = [[start]]
        while ways:
            way = ways.pop()
            following = study.loaded[way[-1].paper].needs_of(way[-1].experiment).values()
            if start in following:
                raise ConfigError(
                    f"the needs of '{experiment}' form a circle",
                    where=str(study.experiment_place(experiment).below("needs")),
                    found=" <- ".join(map(str, [*way, start])),
                )
            ways += [[*way, need] for need in following if need not in way]


def _check_datasets(study: Study) -> None:
    """Refuse data sets that experiments are trained or evaluated on, and towers, that their scale does not have."""
    for name in study.experiments:
        only = study.paper.experiments[name].datasets or []
        require_known(only, study.scale.datasets, "data set", study.experiment_place(name).below("datasets"))
        values = study.settings(name).values["data"]
        tower = values.get("tower")
        place = study.place_of(name, "data.tower")
        require_known([] if tower is None else str(tower), study.scale.towers, "tower", place)
        if study.reads_data(name):
            for dataset in joined_datasets(str(values["dataset"])):
                require_known(dataset, study.scale.datasets, "data set", study.place_of(name, "data.dataset"))
