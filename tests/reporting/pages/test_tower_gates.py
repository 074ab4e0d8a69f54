"""The section on frozen towers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.files import read_json, write_json
from concord3d.reporting.evidence.artifacts import Artifacts
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.pages.tower_gates import every_measure, tower_lines
from concord3d.reporting.report_part import build_part


def measure(value: float, threshold: float | None = None, view_set: str = "all") -> dict[str, Any]:
    passed = None if threshold is None else value >= threshold
    return {"metric": "image_to_text_r1", "view_set": view_set, "value": value, "unit": "%", "chance": 1.25,
            "n_items": 96, "n_objects": 24, "threshold": threshold, "passed": passed}  # fmt: skip


def with_towers(root: Path, gates: dict[str, float | None]) -> ReportInputs:
    """One tower per gate: its value against a threshold of 30; None for a tower that was not trained yet."""
    paths: dict[str, Path | None] = {"released": None}
    for name, value in gates.items():
        paths[name] = root / name / "gate.json"
        if value is not None:
            measures = [measure(value, 30.0), measure(value + 1, view_set="photo")]
            write_json(root / name / "gate.json", {"passed": value >= 30, "measures": measures})
    made = Fabricated(root)
    made.accuracy("mm_point", outcomes(50, 30))
    return replace(made.inputs, towers=paths)


RELEASES = [
    {"encoder": "lite0", "origin": "trained on pictures", "licence": "MIT"},
    {"encoder": "minilm", "origin": "trained on sentences", "licence": "Apache-2.0"},
]


def test_a_tower_of_pretrained_encoders_is_told_apart(tmp_path: Path) -> None:
    inputs = with_towers(tmp_path, {"aligned": 41.0, "scratch": 41.0})
    gate = read_json(inputs.towers["aligned"])
    unseen = {**measure(35.0, view_set="all"), "metric": "unseen_class_top1"}
    content = {**gate, "measures": [*gate["measures"], unseen], "pretrained": RELEASES}
    write_json(inputs.towers["aligned"], content)
    gates = Artifacts(inputs).facts.gates
    lines = tower_lines(inputs, gates, "appendix.md")
    [told] = [line for line in lines if "pre-trained" in line]
    assert (
        told.startswith("- `aligned`: pre-trained encoders")
        and "`lite0` (trained on pictures; MIT) and `minilm`" in told
        and "never fitted on" in told
    )
    assert any("among classes never fitted on" in line and "| 35.0 |" in line for line in every_measure(gates))


def test_towers_on_the_same_encoders_share_a_line_and_equal_rows_are_told_once(tmp_path: Path) -> None:
    inputs = with_towers(tmp_path, {"one": 41.0, "two": 42.0})
    for path in filter(None, inputs.towers.values()):
        one_kind = [measure(41.0, 30.0), measure(41.0, view_set="ring12")]
        write_json(path, {"passed": True, "measures": one_kind, "pretrained": RELEASES})
    gates = Artifacts(inputs).facts.gates
    text = "\n".join([*tower_lines(inputs, gates, "appendix.md"), *every_measure(gates)])
    assert text.count("Their pre-training is real") == 1 and "- `one`, `two`: pre-trained encoders" in text
    assert "| ring12 |" not in text and text.count("| one | ") == 2


def test_every_tower_is_shown_with_its_gate(tmp_path: Path) -> None:
    inputs = with_towers(tmp_path, {"good": 41.24, "bad": 12.0, "late": None})
    gates = Artifacts(inputs).facts.gates
    text = "\n".join(tower_lines(inputs, gates, "appendix.md"))
    assert "`released`: released weights" in text and "`late`: **not trained yet**" in text
    assert "`bad` **misses its quality gate**" in text and "`good` **misses" not in text
    assert (
        "| good | description found for a picture (R@1) | all | 41.2 | 1.2 | 30 | passed | 96 on 24 objects |" in text
    )
    assert "photo" not in text, "no gate demands it"
    row = "| good | description found for a picture (R@1) | photo | 42.2 | 1.2 | - | - | 96 on 24 objects |"
    assert row in "\n".join(every_measure(gates))
    assert "**NOT PASSED**" in text
    of_results = "\n".join(tower_lines(replace(inputs, from_results=True), gates, "appendix.md"))
    assert of_results == text.replace("**not trained yet**", "nothing in these results was measured with it")


def test_the_front_page_has_the_section_where_towers_are_used(tmp_path: Path) -> None:
    inputs = with_towers(tmp_path, {"good": 41.24})
    build_part(inputs, "pages")
    page = (inputs.out / "README.md").read_text()
    assert page.index("## Claims") < page.index("## What was run") < page.index("## Frozen towers")
    build_part(replace(inputs, towers={}), "pages")
    assert "Frozen towers" not in (inputs.out / "README.md").read_text()
