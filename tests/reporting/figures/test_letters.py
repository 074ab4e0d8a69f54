"""Texts of figures show as the text they are, in every kind of figure."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from matplotlib.text import Text
from tests.reporting.fabricate import Fabricated, outcomes, svg
from tests.reporting.figures.hostile_figures import FIGURES, SIGNS
from tests.reporting.figures.one_figure import one_figure

from concord3d.reporting.figures.kinds import kind_names
from concord3d.reporting.figures.letters import EXPLANATION, in_legend, out_of_legend, show_every_letter
from concord3d.reporting.figures.style import COLORS, Drawing, house_style, panels, save


def texts_of(picture: str) -> list[str]:
    """The texts of a picture in SVG, as a browser would show them."""
    return [
        "".join(node.itertext()) for node in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_there_is_a_hostile_figure_of_every_kind() -> None:
    assert set(FIGURES) == set(kind_names())


@pytest.mark.parametrize("kind", FIGURES)
def test_every_text_of_every_kind_shows_as_it_is(tmp_path: Path, kind: str) -> None:
    made, names = FIGURES[kind](tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = texts_of(svg(made, "f"))
    whole = "\n".join(shown)
    assert "nothing to draw" not in whole
    # Underscores of identifiers are written as spaces, and names that are cut begin with none.
    missing = [name for name in names if not re.search(f"(?m)(?:[_ ]|^){re.escape(name + SIGNS)}", whole)]
    assert not missing, whole
    assert "\u200b" not in whole and "mathdefault" not in whole


def bars(made: Fabricated, *labels: str) -> Fabricated:
    """A figure whose title and bars are named by labels."""
    options = {f"e{number}": label for number, label in enumerate(labels)}
    one_figure(made, "bars", f"{{experiments: {options!r}, datasets: [modelnet40], protocol: linear_svm,"
               " metric: overall_accuracy}")  # fmt: skip
    for experiment in options:
        made.accuracy(experiment, outcomes(200, 101))
    return made


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("λ β é ß Ж →", "λ β é ß Ж →"),
        ("椅子", "⟨U+6905⟩⟨U+5B50⟩"),
        ("의자 😹", None),
        ("bell\x07", "bell⟨U+0007⟩"),
        ("half \ud83d", "half ⟨U+D83D⟩"),
    ],
)
def test_a_letter_without_a_glyph_shows_as_its_code_point_and_the_figure_says_so(
    tmp_path: Path, name: str, shown: str | None
) -> None:
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, (axes,) = panels(1)
        axes.plot([1, 2], [1, 2], label=name)
        axes.set_xticks([1, 2], [name, "plain"])
        axes.annotate(name, (1, 1))
        axes.set_title(name)
        axes.legend()
        save(Drawing(figure, ()), tmp_path, "f")
    found = texts_of((tmp_path / "f.svg").read_text(encoding="utf-8"))
    expected = shown or "⟨U+C758⟩⟨U+C790⟩ 😹"
    assert found.count(expected) == 4, found
    assert (EXPLANATION in found) == (expected != name)


def test_a_figure_says_beside_its_stamp_what_code_points_mean(tmp_path: Path) -> None:
    found = texts_of(svg(bars(Fabricated(tmp_path), "椅子", "plain"), "f"))
    assert "⟨U+6905⟩⟨U+5B50⟩" in found and EXPLANATION in found
    assert EXPLANATION not in texts_of(svg(bars(Fabricated(tmp_path / "b"), "chair", "plain"), "f"))


def test_settings_of_the_user_change_no_byte(tmp_path: Path) -> None:
    pictures = []
    for name, own in (("a", {}), ("b", {"text.usetex": True, "axes.facecolor": "red", "font.size": 30})):
        with mpl.rc_context(own):
            svg(bars(Fabricated(tmp_path / name), "one", "two"), "f")
        folder = tmp_path / name / "results" / "figures"
        pictures.append([(folder / f"f.{suffix}").read_bytes() for suffix in ("svg", "png")])
    assert pictures[0] == pictures[1]


def test_texts_that_were_made_outside_the_style_are_no_formulas_either(tmp_path: Path) -> None:
    figure, (axes,) = panels(1)
    axes.set_title("costs $5 or $6")
    axes.set_xticks([0.5], ["a $_ b ^$"])
    save(Drawing(figure, ()), tmp_path, "f")
    found = texts_of((tmp_path / "f.svg").read_text())
    assert "costs $5 or $6" in found and "a $_ b ^$" in found


def test_a_legend_names_what_begins_with_an_underscore() -> None:
    with house_style():
        figure, (axes,) = panels(1)
        axes.plot([1], [1], color=COLORS[0], label=in_legend("_hidden"))
        axes.legend()
        show_every_letter(figure)
        assert "_hidden" in [text.get_text() for text in figure.findobj(Text)]
    assert out_of_legend(in_legend("_a")) == "_a" and in_legend("a_") == "a_"
