"""The section on the pseudo-labels that trainings leave, for others to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.layout import Layout
from concord3d.reporting.evidence.given_labels import FOLDER
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.markdown import grid

Training = tuple[str, int]
History = Sequence[Mapping[str, Any]]


def label_lines(
    paper: str, inputs: ReportInputs, labels: Mapping[str, Mapping[str, Any]], histories: Mapping[Training, History]
) -> list[str]:
    """Return the section on pseudo-labels; nothing where no training leaves any.

    Args:
        paper: Identifier of the paper.
        inputs: What the scale runs, with the labels of its experiments.
        labels: What :func:`concord3d.reporting.evidence.given_labels.read_given_labels` found, by
            ``<experiment>__s<seed>``.
        histories: Histories of the trainings, for the shares that were right.
    """
    if not labels:
        return []
    place = Layout(inputs.scale).exports(paper, "<experiment>", "<seed>")
    text = (
        f"Each training leaves its labels in `{place}/{FOLDER}/epoch_<number>.npz`: `unit` is an object's row in the "
        "store of the training split; `picture_label` and `point_label` are the votes of the teacher's branches, with "
        "their confidences; `label` is the joint one, of the branch that won; `from_points` says which branch that is, "
        "`confidence` what is compared with the threshold, and `picture_kept` and `point_kept` say which branch learnt "
        "from a label. They are made with the results, and are no part of a clone; DVC keeps them "
        f"apart: `dvc pull {Layout(inputs.scale).paper_exports(paper)}`. Below: the last epoch of which they are kept. "
        "*Right* and *labelled by the point branch* are shares of that epoch's kept labels, from the history; the true "
        "labels were read for this record alone."
    )
    rows = [_row(name, told, inputs, histories) for name, told in sorted(labels.items())]
    columns = [
        "experiment", "seed", "epoch", "objects", "kept for pictures", "kept for clouds", "branches disagree",
        "pictures labelled by the point branch", "right, pictures", "right, clouds",
    ]  # fmt: skip
    return ["## Pseudo-labels", "", text, "", *grid(columns, rows), ""]


def _row(name: str, told: Mapping[str, Any], inputs: ReportInputs, histories: Mapping[Training, History]) -> list[str]:
    experiment, _, seed = name.rpartition("__s")
    entry = next((e for e in histories.get((experiment, int(seed)), ()) if e.get("epoch") == told["epoch"]), {})
    size = int(told["num_objects"])
    shares = [_percent(told[key], size) for key in ("num_kept_pictures", "num_kept_points")]
    # A branch that is not trained casts no vote, so that all labels would differ.
    differ = told["num_disagreeing"]
    shares.append("-" if differ == size else _percent(differ, size))
    right = [
        _percent(entry.get(upper), entry.get(lower))
        for upper, lower in (
            ("from_points", "coverage/pictures"),
            ("right/pictures", "coverage/pictures"),
            ("right/points", "coverage/points"),
        )
    ]
    return [inputs.labels.get(experiment, experiment), seed, str(told["epoch"]), str(size), *shares, *right]


def _percent(part: float | None, whole: float | None) -> str:
    return "-" if part is None or not whole else f"{100 * part / whole:.1f} %"
