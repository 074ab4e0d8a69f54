"""Lines of values in YAML files."""

from __future__ import annotations

from pathlib import Path

import pytest

from concord3d.config.places import Key, Place, line_of
from concord3d.config.strict_yaml import load_yaml

TEXT = """\
first: 1

tower: &tower
  model: x
  settings: &settings
    epochs: 3
    rate: 0.1
other:
  <<: *tower
  settings: {<<: *settings, rate: 0.2}
both:
  <<: [*settings, *tower]
  list:
    - a
    - {b: 1,
       c: 2}
alias: *settings
0.5: half
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ((), 1),
        (("first",), 1),
        (("tower",), 3),
        (("tower", "settings", "rate"), 7),
        (("other", "model"), 4),
        (("other", "settings"), 10),
        (("other", "settings", "rate"), 10),
        (("other", "settings", "epochs"), 6),
        (("both", "epochs"), 6),
        (("both", "settings"), 5),
        (("both", "list", 0), 14),
        (("both", "list", 1, "c"), 16),
        (("alias", "rate"), 7),
        (("0.5",), 18),
        (("tower", "absent"), 3),
        (("both", "list", 7), 13),
        (("both", "list", "word"), 13),
        (("first", "deeper"), 1),
        (("absent",), 1),
    ],
)
def test_a_value_stands_on_its_line(tmp_path: Path, keys: tuple[Key, ...], line: int) -> None:
    (tmp_path / "x.yaml").write_text(TEXT)
    assert line_of(tmp_path / "x.yaml", keys) == line


def test_of_two_merged_mappings_the_one_that_counts_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: &a\n  k: 1\nb: &b\n  k: 2\nc: {<<: [*b, *a]}\nd: {<<: *a, k: 3}\n")
    content = load_yaml(path)
    assert (content["c"]["k"], line_of(path, ("c", "k"))) == (2, 4)
    assert (content["d"]["k"], line_of(path, ("d", "k"))) == (3, 6)


@pytest.mark.parametrize("text", [None, "", "a: [1\n", "a:\n\t- 1\n"])
def test_a_file_that_cannot_be_read_has_no_lines(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "x.yaml").write_text(text)
    assert line_of(tmp_path / "x.yaml", ("a",)) is None
    assert str(Place(tmp_path, Path("x.yaml"), ("a", 0))) == "x.yaml, a.0"


def test_a_place_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(TEXT)
    place = Place(tmp_path, Path("x.yaml"))
    assert str(place) == "x.yaml, line 1"
    assert str(place.below("tower", "settings").below("rate")) == "x.yaml, line 7, tower.settings.rate"
    assert str(Place(tmp_path, Path("x.yaml"), ("first",), "scale")) == "x.yaml, line 1, first (scale)"
