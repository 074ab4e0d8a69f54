"""Encoders of the runs of this repository, named ``<scale>/<paper>/<experiment>@s<seed>``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.config.resolve import load_study
from concord3d.config.study import Study
from concord3d.errors import ArtifactDamaged, ConfigError, UnreadableFile, nearest
from concord3d.features.tower import TowerSpec
from concord3d.files import read_json, sha256_file
from concord3d.layout import PARAMS, TOWER_WEIGHTS, Layout
from concord3d.methods.interface import saved_module
from concord3d.methods.settings import method_kind
from concord3d.models.encoder_settings import encoder_settings
from concord3d.pretrained.encoder import PretrainedEncoder
from concord3d.training.files import TrainingFolder
from concord3d.workflow.records import read_record

# The saved module that encodes single objects.
MODULE = "point"
_NAME = re.compile(r"(?P<scale>\w+)/(?P<paper>\w+)/(?P<experiment>\w+)@s(?P<seed>\d+)")


@dataclass(frozen=True)
class RunName:
    """Which training of which paper at which scale.

    Attributes:
        scale: Its scale.
        paper: Its paper.
        experiment: Its experiment.
        seed: Its seed.
    """

    scale: str
    paper: str
    experiment: str
    seed: int

    def __str__(self) -> str:
        return f"{self.scale}/{self.paper}/{self.experiment}@s{self.seed}"

    @classmethod
    def of(cls, name: str) -> RunName | None:
        """Read ``<scale>/<paper>/<experiment>@s<seed>``; None for anything else."""
        found = _NAME.fullmatch(name)
        return None if found is None else cls(found["scale"], found["paper"], found["experiment"], int(found["seed"]))

    @property
    def folder(self) -> TrainingFolder:
        """Its files, relative to the repository."""
        return TrainingFolder(Layout(self.scale).training(self.paper, self.experiment, self.seed))

    @property
    def record(self) -> Path:
        """The record of its node, relative to the repository."""
        return Layout(self.scale).record(f"{self.paper}/train/{self.experiment}__s{self.seed}")


def runs_in(root: Path, scale: str | None = None) -> Iterator[RunName]:
    """Yield the trainings below ``artifacts/`` that keep a point encoder of objects, in the order of their names.

    Args:
        root: The repository.
        scale: Only those of one scale.
    """
    for path in sorted((root / "artifacts").glob(f"{scale or '*'}/*/train/*__s*/weights/{MODULE}.safetensors")):
        experiment, _, seed = path.parents[1].name.rpartition("__s")
        name = RunName(path.parents[4].name, path.parents[3].name, experiment, int(seed))
        if (root / name.folder.provenance).is_file() and encodes_objects(run_of(root, name)):
            yield name


def run_of(root: Path, name: RunName) -> dict[str, Any]:
    """Return the resolved configuration of a training, as its provenance holds it.

    Raises:
        UnreadableFile: The provenance is absent, damaged, or holds none.
    """
    return config_in(root / name.folder.provenance)


def config_in(provenance: Path) -> dict[str, Any]:
    """Return the resolved configuration that a provenance record holds.

    Raises:
        UnreadableFile: The record is absent, damaged, or holds none.
    """
    content = read_json(provenance)
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict) or not {"method", "encoder", "data"} <= config.keys():
        raise UnreadableFile("Not the provenance of a training", where=provenance, expected="its configuration")
    return config


def encodes_objects(run: Mapping[str, Any]) -> bool:
    """Whether a training's module ``point`` encodes clouds of equal length."""
    kind, encoder = method_kind(run["method"]), run["encoder"]
    if MODULE not in kind.saved or "name" not in encoder or "num_points" not in run["data"]:
        return False
    try:
        return encoder_settings(encoder).encodes == "clouds"
    except ConfigError:
        return False


def load_run(root: Path, name: RunName, weights: Path | None = None) -> PretrainedEncoder:
    """Return the encoder of a training whose files are on this machine.

    Args:
        root: The repository.
        name: The training.
        weights: Other weights of it than the final ones, such as a snapshot.

    Raises:
        ConfigError: It is not there, with the nearest that is; or it encodes no single objects.
        ArtifactDamaged: The weights differ from the record of the training.
        UnreadableFile: A file is damaged.
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    path = weights or root / name.folder.weights(MODULE)
    if not path.is_file() or not (root / name.folder.provenance).is_file():
        raise _absent(root, name)
    run = run_of(root, name)
    require_objects(run, str(name))
    digest = sha256_file(path)
    _require_recorded(root, name, path, digest)
    study = _study(root, name)
    return PretrainedEncoder(
        str(name),
        saved_module(run, MODULE, path).eval(),
        run,
        f"the training {name} of this repository",
        path,
        digest,
        None if study is None else tower_of(root, study, run),
        root / TOWER_WEIGHTS,
        {} if study is None else protocol_settings(study),
    )


def require_objects(run: Mapping[str, Any], name: str) -> None:
    """Refuse a training whose encoder encodes no single objects.

    Raises:
        ConfigError: It does not.
    """
    if not encodes_objects(run):
        raise ConfigError(
            "This training keeps no encoder of single objects",
            where=name,
            expected=f"a training that saves '{MODULE}' and encodes clouds of one size",
            found=f"method '{run['method']}', which saves {', '.join(method_kind(run['method']).saved)}",
        )


def _absent(root: Path, name: RunName) -> ConfigError:
    found = [str(each) for each in runs_in(root)]
    steps = [f"make it: snakemake --cores all --config scale={name.scale} 'papers=[{name.paper}]' -- '{name.record}'"]
    if (root / "dvc.lock").is_file():
        steps.insert(0, "pull it: dvc pull")
    return ConfigError(
        f"The training '{name}' is not on this machine{nearest(str(name), found)}",
        where=root / name.folder.folder,
        expected=", ".join(found) or "a training that was made or pulled; there is none",
        next_step="; ".join([*steps, "or name a release that holds it (--release)"]),
    )


def _require_recorded(root: Path, name: RunName, path: Path, digest: str) -> None:
    record = read_record(root / name.record)
    try:
        key = path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        key = path.as_posix()
    recorded = None if record is None else record["files"].get(key, {}).get("sha256")
    if recorded != digest:
        raise ArtifactDamaged(
            "Weights are not those that the record of their training holds",
            where=path,
            expected=recorded or f"a record at {name.record} with their checksum",
            found=digest,
            next_step=f"bring them back (dvc checkout), or rm '{name.record}' and run snakemake",
        )


def _study(root: Path, name: RunName) -> Study | None:
    return load_study(root, name.paper, name.scale) if (root / PARAMS).is_file() else None


def tower_of(root: Path, study: Study, run: Mapping[str, Any]) -> TowerSpec | None:
    """Return the tower that a training is aligned with; None where there is none.

    Args:
        root: The repository.
        study: Paper and scale of the training.
        run: Resolved configuration of the training.
    """
    name = run["data"].get("tower")
    use = study.scale.towers.get(name)
    if use is None:
        return None
    model = str(root / use.model) if use.model.endswith(".json") else use.model
    if use.training is not None:
        [saved] = method_kind(use.training.method).saved
        folder = TrainingFolder(root / Layout(study.scale.scale).tower(name))
        return TowerSpec(model, str(folder.weights(saved)))
    file = root / (use.weights or "")
    return TowerSpec(model, str(file) if file.is_file() else use.weights or "")


def protocol_settings(study: Study) -> dict[str, dict[str, Any]]:
    """Return the settings of a paper's protocols at a scale, by protocol."""
    return {name: dict(study.protocol(name).settings) for name in study.overlay.protocols}
