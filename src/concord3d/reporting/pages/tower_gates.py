"""What the frozen towers of a scale are worth: the gate of those that the pipeline trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
VERDICTS = {True: "passed", False: Markdown("**NOT PASSED**"), None: "-"}


def tower_lines(inputs: ReportInputs, gates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the section on the frozen towers; nothing where a paper uses none.

    Args:
        inputs: Which towers the scale uses, and where the gates of those lie that are trained here.
        gates: What each gate says, of the towers that have one.
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
    lines += [_pretrained_line(name, gate["pretrained"]) for name, gate in gates.items() if "pretrained" in gate]
    lines += [""] if lines[-1] else []
    if not gates:
        return lines
    text = (
        "Trained in the pipeline and measured on objects it never saw. Each picture is on its own where a row does not "
        "say otherwise. The accuracy of encoders aligned with a tower is bounded by what the tower knows."
    )
    rows = [_row(name, measure) for name, gate in gates.items() for measure in gate["measures"]]
    columns = ["tower", "measure", "pictures", "value (%)", "chance (%)", "at least (%)", "gate", "answers of objects"]
    return [*lines, text, "", *grid(columns, rows), ""]


def _pretrained_line(name: str, releases: Sequence[Mapping[str, str]]) -> str:
    encoders = [f"`{one['encoder']}` ({plain(one['origin'])}; {plain(one['licence'])})" for one in releases]
    return (
        f"- `{name}` joins two pre-trained encoders: {' and '.join(encoders)}. Their pre-training is real. Their "
        "alignment was learned on generated pictures with the names of their classes, except where a row says that "
        "classes were never fitted on."
    )


def _row(name: str, measure: Mapping[str, Any]) -> list[str]:
    least = "-" if measure["threshold"] is None else f"{measure['threshold']:g}"
    size = f"{measure['n_items']} of {measure['n_objects']}"
    metric = METRIC_WORDS.get(str(measure["metric"]), str(measure["metric"]))
    numbers = [f"{measure['value']:.1f}", f"{measure['chance']:.1f}", least]
    return [name, metric, str(measure["view_set"]), *numbers, VERDICTS[measure["passed"]], size]
