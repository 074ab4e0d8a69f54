"""``concord3d query``: the scenes of a store that are closest to one modality of a scene, and its objects there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.commands.nodes import plan_of
from concord3d.errors import ArtifactDamaged, ArtifactStale, ConfigError
from concord3d.layout import TOWER_WEIGHTS
from concord3d.queries.answers import Answer, write_pictures
from concord3d.queries.given_scene import of_cloud, of_floorplan, of_photos, of_sentence
from concord3d.queries.searched_scans import EncoderFiles, Query, SearchedScans, SearchFiles, StoredScene
from concord3d.workflow.state import State
from concord3d.workflow.tested_scans import EvaluatedScans, evaluated_scans

_MODULES = ("scenes", "objects")


@dataclass(frozen=True)
class Asked:
    """What the command line gives of a scene; one of all.

    Attributes:
        photos: Pictures.
        sentence: A sentence.
        cloud: A cloud.
        floorplan: A picture of the floorplan.
        scan: A scan of the store.
        by: The modality by which that scan is given.
    """

    photos: tuple[Path, ...] = ()
    sentence: str | None = None
    cloud: Path | None = None
    floorplan: Path | None = None
    scan: str | None = None
    by: str = "image"

    def query(self) -> Query:
        """Return the query.

        Raises:
            ConfigError: Nothing is given, or more than one of them.
            ConcordError: See :mod:`concord3d.queries.given_scene`.
        """
        given = {
            "--photo": self.photos or None,
            "--sentence": self.sentence,
            "--cloud": self.cloud,
            "--floorplan": self.floorplan,
            "--scan": self.scan,
        }
        found = [name for name, value in given.items() if value is not None]
        if len(found) != 1:
            raise ConfigError("A query has one modality", expected=f"one of {', '.join(given)}", found=found or "none")
        if self.sentence is not None:
            return of_sentence(self.sentence)
        if self.cloud is not None:
            return of_cloud(self.cloud)
        if self.floorplan is not None:
            return of_floorplan(self.floorplan)
        return of_photos(self.photos) if self.scan is None else StoredScene(self.scan, self.by)


@dataclass(frozen=True)
class Trained:
    """Which training encodes.

    Attributes:
        scale: Replaces the scale of ``params.yaml``.
        paper: Its paper.
        experiment: Its experiment.
        seed: Its seed; None for the first of the experiment.
    """

    scale: str | None = None
    paper: str = "crossover"
    experiment: str = "scene_crossover"
    seed: int | None = None


def answer_query(
    root: Path,
    asked: Asked,
    trained: Trained,
    dataset: str = "scannet",
    among: str = "point",
    count: int = 4,
    out: Path | None = None,
    as_json: bool = False,
) -> None:
    """Print what is closest to a query, and draw it.

    Args:
        root: The repository.
        asked: The query.
        trained: Which training encodes.
        dataset: Whose tested scans are searched.
        among: Modality that is searched.
        count: Scans to show.
        out: Folder for pictures; None draws nothing.
        as_json: Whether JSON is printed instead of text.

    Raises:
        ArtifactDamaged: The training or features are absent or damaged; the message says what makes them.
        ArtifactStale: They were made of something else than is asked now.
        ConcordError: See :meth:`concord3d.queries.searched_scans.SearchedScans.answer`.
    """
    # What is wrong with a query is said before the plan is made, which takes seconds.
    query = asked.query()
    plan = plan_of(root, trained.scale, [trained.paper])
    scans = evaluated_scans(plan, trained.paper, trained.experiment, trained.seed, dataset)
    _require_made(State(plan), scans)
    searched = SearchedScans.open(_files(root, scans), plan.params.device, root / TOWER_WEIGHTS)
    answer = searched.answer(query, among, count)
    split = searched.encoding.split
    body: dict[str, Any] = {
        "encoder": {"scale": plan.params.scale, "training": scans.training.node},
        "searched": {"dataset": split.dataset, "split": split.split, "data_kind": split.data_kind},
        **answer.as_json(),
        "pictures": {} if out is None else {name: str(path) for name, path in write_pictures(answer, out).items()},
    }
    print(json.dumps(body, indent=2) if as_json else _in_words(answer, body))


def _files(root: Path, scans: EvaluatedScans) -> SearchFiles:
    """Return what is opened, below the root."""
    training = scans.training
    saved = [name for name in _MODULES if name in training.settings.saved]
    if not saved:
        raise ConfigError(
            f"'{training.node}' encodes no scans",
            where="--experiment",
            expected=f"a training that saves {' or '.join(_MODULES)}",
            found=", ".join(training.settings.saved),
        )
    encoders = {
        name: EncoderFiles(
            node.params,
            {key: [root / path for path in paths] for key, paths in node.inputs.items() if key != "scans"},
            root / node.outputs[0],
        )
        for name, node in scans.encoded.items()
    }
    return SearchFiles(
        training.run,
        saved[0],
        root / training.files.weights(saved[0]),
        root / scans.store,
        encoders,
    )


def _require_made(state: State, scans: EvaluatedScans) -> None:
    """Refuse what is absent, damaged, or made of something else."""
    wrong = state.findings(scans.nodes)
    if not wrong:
        return
    layout = state.plan.layout
    records = " ".join(f"'{layout.record(finding.node)}'" for finding in wrong)
    damaged = [finding.next_step for finding in wrong if finding.status == "damaged"]
    kind = ArtifactStale if any(finding.status == "stale" for finding in wrong) else ArtifactDamaged
    raise kind(
        f"What a query needs is not there as '{scans.training.node}' is asked for now",
        where=layout.record(scans.training.node),
        found="; ".join(f"{finding.node} is {finding.status} ({finding.reasons[0]})" for finding in wrong),
        next_step=damaged[0] if damaged else f"{state.plan.command} -- {records}",
    )


def _in_words(answer: Answer, body: Mapping[str, Any]) -> str:
    searched, lines = body["searched"], []
    lines.append(
        f"{answer.num_searched} scans of {searched['dataset']}/{searched['split']} ({searched['data_kind']}) searched "
        f"by '{answer.modality}' among '{answer.among}', encoded by {body['encoder']['training']} at scale "
        f"{body['encoder']['scale']}:"
    )
    lines += [
        f"  {rank}. {scene.name}  {scene.scene_type or 'unknown type'}  {scene.score:.3f}"
        for rank, scene in enumerate(answer.scenes, start=1)
    ]
    lines.append(f"Objects of the query: {answer.query_objects}.")
    if answer.objects:
        lines.append(f"Found in {answer.scenes[0].name} among '{answer.objects_among}':")
    lines += [
        f"  {each.query} -> {each.identifier} {each.name} at {', '.join(f'{m:.2f}' for m in each.middle)} m  "
        f"{each.score:.3f}"
        for each in answer.objects
    ]
    lines += [f"Look at {path}" for path in body["pictures"].values()]
    return "\n".join(lines)
