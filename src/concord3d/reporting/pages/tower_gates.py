"""What the frozen towers of a scale are worth: the gate of those that the pipeline trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.markdown import Markdown, grid, plain

METRIC_WORDS = {
    "image_to_text_r1": "description found for a picture (R@1)",
    "zero_shot_top1": "class found for a picture (zero-shot)",
    "zero_shot_top1_masked": "class found for a picture, patches of which are hidden",
    "zero_shot_top1_mean_of_views": "class found for the mean of an object's pictures",
    "caption_to_class_top1": "class found for a caption",
    "category_of_coloured_class": "category right, asked for with the colour",
    "colour_of_coloured_class": "colour right, asked for with the category",
    "unseen_class_top1": "class found for the mean of an object's pictures, among classes never fitted on",
}
# The set of pictures of every kind together.
ALL_VIEWS = "all"
VERDICTS = {True: "passed", False: Markdown("**NOT PASSED**"), None: "-"}


def tower_lines(inputs: ReportInputs, gates: Mapping[str, Mapping[str, Any]], appendix: str) -> list[str]:
    """Return the section on the frozen towers with what their gates demand; nothing where a paper uses none.

    Args:
        inputs: Which towers the scale uses, and where the gates of those lie that are trained here.
        gates: What each gate says, of the towers that have one.
        appendix: Name of the page that has every measure.
    """
    if not inputs.towers:
        return []
    released = [name for name, path in inputs.towers.items() if path is None]
    absent = [name for name, path in inputs.towers.items() if path is not None and name not in gates]
    lines = ["## Frozen towers", ""]
    lines += [f"- `{name}`: released weights, not trained here." for name in released]
    why = "nothing in these results was measured with it" if inputs.from_results else "**not trained yet**"
    lines += [f"- `{name}`: {why}." for name in absent]
    failed = [name for name, gate in gates.items() if gate["passed"] is False]
    lines += [f"- `{name}` **misses its quality gate**: results that rest on it say little." for name in failed]
    lines += _pretrained_lines(gates)
    lines += [""] if lines[-1] else []
    if not gates:
        return lines
    text = (
        "Below: what each gate demands of pictures of objects that the training never saw. The accuracy of encoders "
        f"aligned with a tower is bounded by what the tower knows. All measures: [`{appendix}`]({appendix})."
    )
    return [*lines, text, "", *_grid(gates, only_demanded=True), ""]


def every_measure(gates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the section of the appendix: all that was measured of the towers."""
    if not gates:
        return []
    text = (
        "Measured on objects that the training never saw, each picture on its own where a row does not say otherwise. "
        "*Pictures*: `ring<n>` are rendered from n directions around the object, `photo<n>` with backgrounds and "
        "light, `pointclip_v2_<n>` are depth images of its cloud."
    )
    return ["## Frozen towers", "", text, "", *_grid(gates, only_demanded=False), ""]


def _grid(gates: Mapping[str, Mapping[str, Any]], only_demanded: bool) -> list[str]:
    rows = []
    for name, gate in gates.items():
        every = [_said(measure) for measure in gate["measures"] if measure["view_set"] == ALL_VIEWS]
        for measure in gate["measures"]:
            # With one kind of picture the row on it says what the row on all of them says.
            repeated = measure["view_set"] != ALL_VIEWS and _said(measure) in every
            if not repeated and (measure["threshold"] is not None or not only_demanded):
                rows.append(_row(name, measure))
    columns = ["tower", "measure", "pictures", "value (%)", "chance (%)", "threshold (%)", "gate", "answers"]
    return grid(columns, rows)


def _said(measure: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(measure[key] for key in ("metric", "value", "n_items"))


def _pretrained_lines(gates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one line for all towers on the same pre-trained encoders."""
    towers: dict[str, list[str]] = {}
    for name, gate in gates.items():
        if "pretrained" in gate:
            said = [
                f"`{one['encoder']}` ({plain(one['origin'])}; {plain(one['licence'])})" for one in gate["pretrained"]
            ]
            towers.setdefault(" and ".join(said), []).append(f"`{name}`")
    return [
        f"- {', '.join(names)}: pre-trained encoders {encoders}. Their pre-training is real. Their alignment was "
        "learned on generated pictures with the names of their classes, except where a row says that classes were "
        "never fitted on."
        for encoders, names in towers.items()
    ]


def _row(name: str, measure: Mapping[str, Any]) -> list[str]:
    least = "-" if measure["threshold"] is None else f"{measure['threshold']:g}"
    size = f"{measure['n_items']} on {measure['n_objects']} objects"
    metric = METRIC_WORDS.get(str(measure["metric"]), str(measure["metric"]))
    numbers = [f"{measure['value']:.1f}", f"{measure['chance']:.1f}", least]
    return [name, metric, str(measure["view_set"]), *numbers, VERDICTS[measure["passed"]], size]
