"""What is written: features or numbers as NPZ and CSV, and a record of what they were made of.

Shape legend: S clouds, D feature width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import write_arrays
from concord3d.files import content_hash, csv_line, write_json, write_text
from concord3d.own_data.evaluation import OwnEvaluation
from concord3d.own_data.reading import OwnData
from concord3d.pretrained.encoder import PretrainedEncoder
from concord3d.protocols.evaluation.results import write_result
from concord3d.provenance.record import environment_record

METRIC_COLUMNS = (
    "encoder", "dataset", "protocol", "metric", "value", "unit", "ci_low", "ci_high", "n_items", "selection",
)  # fmt: skip


def write_embeddings(out: Path, data: OwnData, encoder: PretrainedEncoder, features: NDArray[np.float32]) -> list[Path]:
    """Write ``embeddings.npz``, ``embeddings.csv`` and ``provenance.json``.

    Args:
        out: Folder that receives them.
        data: The clouds.
        encoder: What encoded them.
        features: (S, D) in the order of ``data.all``.
    """
    clouds = data.all
    classes = [clouds.class_names[label] if label >= 0 else "" for label in clouds.labels.tolist()]
    npz, table = out / "embeddings.npz", out / "embeddings.csv"
    names = {"names": np.array(clouds.names), "classes": np.array(classes), "splits": np.array(data.split_names)}
    write_arrays(npz, {"features": features, **names, "labels": clouds.labels})
    columns = ("name", "class", "split", *(f"f{i}" for i in range(features.shape[1])))
    rows = [
        (name, category, split, *(f"{value:.6g}" for value in row))
        for name, category, split, row in zip(clouds.names, classes, data.split_names, features.tolist(), strict=True)
    ]
    write_text(table, _csv(columns, rows))
    return [npz, table, _write_provenance(out, data, encoder, {"features": list(features.shape)})]


def write_evaluations(
    out: Path, data: OwnData, encoder: PretrainedEncoder, evaluations: Sequence[OwnEvaluation]
) -> list[Path]:
    """Write ``metrics.csv``, ``provenance.json``, and details and outcomes of each protocol as JSON and NPZ.

    Args:
        out: Folder that receives them.
        data: The clouds.
        encoder: What was evaluated.
        evaluations: One per protocol.
    """
    paths, rows = [], []
    for each in evaluations:
        identity = {"experiment": each.encoder, "protocol": each.protocol, "dataset": each.dataset, "data_kind": "own"}
        write_result(each.result, identity, out / each.protocol)
        paths += [out / f"{each.protocol}.json", out / f"{each.protocol}.npz"]
        rows += [
            (each.encoder, each.dataset, each.protocol, record.metric, f"{record.value:.6f}", record.unit,
             f"{record.ci_low:.6f}", f"{record.ci_high:.6f}", record.n_items, record.selection)
            for record in each.result.records
        ]  # fmt: skip
    write_text(out / "metrics.csv", _csv(METRIC_COLUMNS, rows))
    made = {each.protocol: {"settings": dict(each.settings), "said": list(each.said)} for each in evaluations}
    return [out / "metrics.csv", *paths, _write_provenance(out, data, encoder, {"protocols": made})]


def _write_provenance(out: Path, data: OwnData, encoder: PretrainedEncoder, made: Mapping[str, Any]) -> Path:
    path = out / "provenance.json"
    body = {
        **made,
        "encoder": {
            "name": encoder.name,
            "origin": encoder.origin,
            "sha256": encoder.sha256,
            "config": dict(encoder.run),
        },
        "data": {
            "name": data.all.dataset,
            "splits": {name: len(split) for name, split in data.splits.items()},
            "class_names": list(data.all.class_names),
            "rules": list(data.rules),
            "left_out": dict(data.left_out),
            "files": dict(data.files),
            "sha256": content_hash(dict(data.files)),
        },
        "environment": environment_record(),
    }
    write_json(path, body)
    return path


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return "".join(map(csv_line, (columns, *rows)))
