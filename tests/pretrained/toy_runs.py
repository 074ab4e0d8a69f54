"""A repository with the configuration of this one, in which some trainings have random weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from concord3d.config.resolve import load_study
from concord3d.features.aligned_tower import FrozenPair
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.files import write_json
from concord3d.methods.interface import feature_width
from concord3d.models.factory import build_point_encoder
from concord3d.models.projected import in_tower_space
from concord3d.models.weights import save_weights
from concord3d.pretrained.runs import MODULE, RunName, tower_of
from concord3d.workflow.records import file_entries, write_record

ALIGNED_RUN = "demo/mm_mixing/full@s1"
PLAIN_RUN = "demo/mm_point/mm_point@s1"


def toy_repository(root: Path, repository: Path, names: Sequence[str]) -> Path:
    """Write the trainings of these names below ``root``, as their nodes would."""
    root.mkdir(parents=True)
    for shared in ("config", "papers", "datasets", "params.yaml"):
        (root / shared).symlink_to(repository / shared)
    for name in names:
        _add_run(root, name)
    return root


def _add_run(root: Path, name: str) -> None:
    run_name = RunName.of(name)
    assert run_name is not None
    study = load_study(root, run_name.paper, run_name.scale)
    run = study.run_config(run_name.experiment, run_name.seed)
    torch.manual_seed(0)
    encoder = build_point_encoder(run["encoder"])
    tower = tower_of(root, study, run)
    if tower is not None:
        pair = FrozenPair(AlignedTowerConfig.model_validate(json.loads(Path(tower.model).read_text())))
        encoder = in_tower_space(encoder, pair.widths[1])
        save_weights(pair.new_projection(), Path(tower.weights), pair.header())
    assert feature_width(encoder) > 0
    files = run_name.folder
    save_weights(encoder, root / files.weights(MODULE))
    write_json(root / files.provenance, {"config": run, "git_commit": "unknown"})
    entries = file_entries(root, [files.weights(MODULE), files.provenance])
    record = {"node": name, "identity": "", "ingredients": {}, "inputs": {}, "versions": {}, "accepted": []}
    write_record(root / run_name.record, {**record, "files": entries})
