"""Figures by kind: one file a kind, options checked, unknown kinds refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg

from concord3d.config.validation import StrictModel
from concord3d.errors import ConfigError
from concord3d.reporting.figures import kinds
from concord3d.reporting.figures.drawing import kind_of_figure
from concord3d.reporting.figures.kinds import kind_names
from concord3d.reporting.parts import figures

NEW_KIND = """
from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.style import Drawing, panels

class Options(StrictModel):
    word: str

def draw(context):
    figure, (axis,) = panels(1)
    axis.set_title(context.spec.options["word"])
    return Drawing(figure, ())
"""


def test_a_kind_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "one_word.py").write_text(NEW_KIND)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path / "kinds")])
    made = Fabricated(tmp_path)
    text = (
        "paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n"
        "  - {id: f, kind: one_word, title: T, caption: C, options: {word: Concord}}\n"
    )
    made.report(text)
    assert "Concord" in svg(made, "f")
    made.report(text.replace("one_word", "one_wort"))
    with pytest.raises(ConfigError, match="did you mean 'one_word'"):
        svg(made, "f")


def test_every_kind_has_options_and_a_drawing() -> None:
    assert len(kind_names()) >= 12
    for name in kind_names():
        kind = kind_of_figure(name)
        assert issubclass(kind.Options, StrictModel) and callable(kind.draw), name


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(
        "paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n"
        "  - {id: f, kind: bars, title: T, caption: C, options: {experiment: {a: b}, datasets: [modelnet40]}}\n"
    )
    with pytest.raises(ConfigError, match="did you mean 'experiments'"):
        figures.build_one(made.material, "f")
