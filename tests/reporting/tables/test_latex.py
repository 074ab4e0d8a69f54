"""Tables as LaTeX: what they say, and that they fit a page where there is a LaTeX to ask."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, demo_like

from concord3d.layout import report_yaml
from concord3d.reporting.parts import tables
from concord3d.reporting.specs.report_spec import load_report_spec
from concord3d.reporting.tables.cells import table_of
from concord3d.reporting.tables.latex import _breaking, bibtex
from concord3d.reporting.tables.latex_letters import latex_escape

DOCUMENT = r"""\documentclass[a4paper]{article}
\usepackage{array,booktabs,longtable}
\setlength{\textwidth}{345pt}
\begin{document}
%s
\end{document}
"""


def code(number: str) -> str:
    return rf"\ensuremath{{\langle}}\texttt{{U+{number}}}\ensuremath{{\rangle}}"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a_b & 5 % ±", r"a\_b \& 5 \% \ensuremath{\pm}"),
        (r"a $_ b ^$ \x {y} ~ #1", r"a \$\_ b {\textasciicircum}\$ {\textbackslash}x \{y\} {\textasciitilde} \#1"),
        ("λ ≥ 0 → é", r"\ensuremath{\lambda} \ensuremath{\geq} 0 {\textrightarrow} \'e"),
        ("椅", code("6905")),
        ("Я", code("042F")),
        ("Đą😹", code("0110") + code("0105") + code("1F639")),
        ("a\x07\x7f", "a" + code("0007") + code("007F")),
        ("e\u0301 \u0301", r"\'e " + code("0301")),
        ("a\n\n b\r\nc", "a b c"),
        ("a|b -- c", r"a{\textbar}b -{}- c"),
        (
            "ΑΩ Ωμέγα",
            r"A\ensuremath{\Omega} \ensuremath{\Omega}\ensuremath{\mu}\ensuremath{\acute\epsilon}"
            r"\ensuremath{\gamma}\ensuremath{\alpha}",
        ),
    ],
)
def test_latex_prints_text_as_it_stands(text: str, printed: str) -> None:
    assert latex_escape(text) == printed


def test_a_break_never_cuts_a_command() -> None:
    assert _breaking("ā/ModelNet_x") == r"\hspace{0pt}\={a}/\hspace{0pt}Model\-Net\_\hspace{0pt}x"
    assert _breaking("a-λB") == r"\hspace{0pt}a-\hspace{0pt}\ensuremath{\lambda}B"


def test_text_of_any_letters_is_balanced_ascii_of_known_commands() -> None:
    for first in range(0x20, 0x30000, 64):
        text = _breaking("".join(map(chr, range(first, first + 64))))
        assert text.isascii() and text.isprintable(), hex(first)
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
        outside = re.sub(r"\\ensuremath{[^}]*}|\\[\^#$%&_]", "", text)
        assert not re.search(r"[#$%&_^]", outside), hex(first)
        assert not re.search(r"\\(?:CYR|cyr|DH|DJ|TH|NG|mathbb|mathscr|ElsevierGlyph|guil)", text), hex(first)


HOSTILE = r"a $_ b ^$ \x {y} ~ #1 100 % & <b> | ` ' -- λ Ω é ā ą Я 椅 😹 ∉ ½"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_hostile_names_compile(tmp_path: Path) -> None:
    letters = "".join(map(chr, [*range(0x20, 0x530), *range(0x1E00, 0x2C00)]))
    made = Fabricated(tmp_path)
    (tmp_path / "all.tex").write_text(DOCUMENT % "\n\n".join(map(_breaking, (f"{HOSTILE}\n\n\x07", *letters.split()))))
    made.published([("one", HOSTILE, HOSTILE, HOSTILE, "accuracy", "66.0", "other_paper")])
    made.report(f"paper: mm_point\nheadline: one\ntables: [{{id: one, title: {HOSTILE!r}, published: [one]}}]\n")
    tables.build_one(made.material, "one")
    folder = made.inputs.out / "tables"
    inputs = "\n".join(rf"\input{{{folder / name}}}" for name in ("one.tex", "one.long.tex"))
    (tmp_path / "tables.tex").write_text(DOCUMENT % inputs)
    for name in ("all", "tables"):
        subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", f"{name}.tex"], cwd=tmp_path, capture_output=True, check=False
        )
        log = (tmp_path / f"{name}.log").read_text(errors="replace")
        assert "Output written on" in log and not re.findall(r"^!.*(?:\n.*){2}", log, re.MULTILINE)


def test_the_compact_form_has_values_alone_and_the_long_form_every_cell(tmp_path: Path) -> None:
    made = demo_like(tmp_path)
    tables.build(made.material)
    folder = made.inputs.out / "tables"
    compact, long = (folder / f"linear_svm.{suffix}" for suffix in ("tex", "long.tex"))
    cells = table_of(made.material, "linear_svm").cells
    rows = [line for line in long.read_text().splitlines() if line.endswith(r"\\") and " & " in line]
    assert len(rows) == len(cells) + 1
    every = {suffix: [file.read_text() for file in folder.glob(f"*[a-z]{suffix}")] for suffix in (".long.tex", ".tex")}
    assert any("not run" in text for text in every[".long.tex"])
    assert sum("not run" in text for text in every[".tex"]) == sum("not run" in text for text in every[".long.tex"])
    interval = next(cell.estimates["last"].interval for cell in cells if cell.estimates)
    words = rf"{interval.value:.1f}\newline{{\tiny [{interval.low:.1f}, {interval.high:.1f}]}}"
    assert words in compact.read_text()
    published = next(cell.published for cell in cells if cell.published and cell.published.value is not None)
    assert rf"\textit{{{published.text}}}" in compact.read_text()


def test_the_reference_names_all_authors_and_the_year(tmp_path: Path) -> None:
    reference = bibtex(Fabricated(tmp_path).material.paper)
    assert reference.startswith("@misc{mm_point,\n  title = {{MM-Point: ")
    assert "author = {Hai-Tao Yu and Mofei Song}" in reference and "year = {2024}" in reference


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_committed_tables_compile_to_pages_without_overfull_boxes(tmp_path: Path, repository: Path) -> None:
    files = sorted((repository / "results").glob("*/*/tables/*.tex"))
    # Every table of every paper at every scale that has committed results, in both forms.
    expected = {
        (paper.parent.name, paper.name, f"{table.id}{form}.tex")
        for paper in (repository / "results").glob("*/*/")
        if (repository / report_yaml(paper.name)).exists()
        for table in load_report_spec(repository / report_yaml(paper.name)).tables
        for form in ("", ".long")
    }
    assert expected <= {(file.parts[-4], file.parts[-3], file.name) for file in files} and len(expected) > 100
    (tmp_path / "all.tex").write_text(DOCUMENT % "\n".join(rf"\input{{{file}}}" for file in files))
    # The widths of columns are known to the second run.
    for _ in range(2):
        subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "all.tex"], cwd=tmp_path, capture_output=True, check=False
        )
    log = (tmp_path / "all.log").read_text(errors="replace")
    assert "Output written on all.pdf" in log
    assert not re.findall(r"^!.*", log, re.MULTILINE)
    assert not re.findall(r"^Overfull .*\n.*", log, re.MULTILINE)
