"""``concord3d embed``, ``concord3d evaluate`` and ``concord3d release-encoders``: encoders on data of the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from concord3d.errors import ConfigError
from concord3d.own_data import Layer, OwnData, OwnEvaluation, Reading, embed_data, evaluate_data, read_own_data
from concord3d.own_data.evaluation import require_possible
from concord3d.own_data.outputs import write_embeddings, write_evaluations
from concord3d.own_data.rules import Normalise, Up
from concord3d.own_data.splitting import SeededSplit
from concord3d.pretrained import PretrainedEncoder, load_encoder
from concord3d.pretrained.release import write_release


@dataclass(frozen=True)
class Given:
    """What the command line gives of data and encoder.

    Attributes:
        data: Folder or file.
        encoder: Name of the encoder.
        root: The repository.
        release: Path or address of a release that holds the encoder.
        sha256: Its checksum.
        up: Axis that points up.
        normalise: When clouds are normalised.
        num_points: Points per cloud; None for those of the encoder's training.
        layout: Data set of the catalogue in whose layout the folder is.
        device: Torch device.
    """

    data: Path
    encoder: str
    root: Path = Path()
    release: str | None = None
    sha256: str | None = None
    up: Up = "auto"
    normalise: Normalise = "auto"
    num_points: int | None = None
    layout: str | None = None
    device: str = "cpu"

    def opened(self, protocols: Sequence[str] = ()) -> tuple[OwnData, PretrainedEncoder]:
        """Open the encoder, read the data, and print what was decided; protocols are checked before data are read."""
        encoder = load_encoder(self.encoder, self.root, self.release, self.sha256)
        for protocol in protocols:
            require_possible(encoder, protocol)
        count = self.num_points or encoder.num_points_for(protocols)
        data = read_own_data(self.data, Reading(count, self.up, self.normalise, self.layout, self.root))
        colors = "coordinates and colours" if encoder.num_channels == 6 else "coordinates alone"
        print(f"encoder: {encoder.name}, {encoder.origin}; it reads {count} points, {colors}")
        print("\n".join(data.sentences()))
        return data, encoder


def embed(given: Given, out: Path, layer: Layer) -> None:
    """Encode data, and write the features.

    Raises:
        ConcordError: See :func:`concord3d.pretrained.load_encoder` and :mod:`concord3d.own_data`.
    """
    data, encoder = given.opened()
    features = embed_data(data, encoder, given.num_points, given.device, layer)
    paths = write_embeddings(out, data, encoder, features)
    print(f"{features.shape[0]} embeddings of {features.shape[1]} numbers")
    print("\n".join(f"wrote {path}" for path in paths))


def evaluate(given: Given, protocols: Sequence[str], changes: Sequence[str], split: SeededSplit, out: Path) -> None:
    """Measure an encoder on data by some protocols, print and write the numbers.

    Raises:
        ConfigError: A protocol or a setting is unknown, a change is not ``key=value``, or it is the number of points,
            which the data are read with too.
        ConcordError: See :func:`concord3d.own_data.evaluate_data`.
    """
    settings = dict(_change(text) for text in changes)
    if "num_points" in settings:
        raise ConfigError(
            "The number of points is no setting of a protocol alone: clouds are read with it",
            where="--set",
            expected=f"--num-points {settings['num_points']}",
            found=f"num_points={settings['num_points']}",
        )
    if given.num_points is not None:
        settings["num_points"] = given.num_points
    data, encoder = given.opened(protocols)
    found = [evaluate_data(data, encoder, name, settings, split, given.device) for name in protocols]
    for each in found:
        print(_in_words(each))
    print("\n".join(f"wrote {path}" for path in write_evaluations(out, data, encoder, found)))


def release_encoders(root: Path, scale: str, out: Path, names: Sequence[str]) -> None:
    """Write a release, and print its checksum and the call that reads it.

    Raises:
        ConcordError: See :func:`concord3d.pretrained.release.write_release`.
    """
    digest, encoders = write_release(root, scale, out, names)
    print("\n".join(encoders))
    print(f"wrote {out} ({len(encoders)} encoders), sha256 {digest}")
    print(f"use: concord3d embed FOLDER --encoder {encoders[0]} --release {out} --sha256 {digest}")


def _change(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError("A setting is given as key=value", where="--set", found=text)
    return key, yaml.safe_load(value)


def _in_words(evaluation: OwnEvaluation) -> str:
    lines = [f"{evaluation.protocol}:", *(f"  {sentence}" for sentence in evaluation.said)]
    lines += [
        f"  {record.metric} {record.value:.2f} {'' if record.unit == '1' else record.unit} "
        f"[{record.ci_low:.2f}, {record.ci_high:.2f}] ({record.n_items} items)"
        for record in evaluation.result.records
    ]
    return "\n".join(lines)
