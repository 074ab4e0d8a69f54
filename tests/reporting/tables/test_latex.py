"""Tables as LaTeX: what they say, and that they fit a page where there is a LaTeX to ask."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, demo_like

from concord3d.reporting.parts import tables
from concord3d.reporting.tables.cells import table_of
from concord3d.reporting.tables.latex import bibtex, latex_escape

DOCUMENT = r"""\documentclass[a4paper]{article}
\usepackage{array,booktabs,longtable}
\setlength{\textwidth}{345pt}
\begin{document}
%s
\end{document}
"""


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a_b & 5 % ±", r"a\_b \& 5 \% \ensuremath{\pm}"),
        (r"a $_ b ^$ \x {y} ~ #1", r"a \$\_ b {\textasciicircum}\$ {\textbackslash}x \{y\} {\textasciitilde} \#1"),
        ("λ ≥ 0 → é", r"\ensuremath{\lambda} \ensuremath{\geq} 0 {\textrightarrow} \'e"),
        ("椅", r"\ensuremath{\langle}\texttt{U+6905}\ensuremath{\rangle}"),
    ],
)
def test_latex_prints_text_as_it_stands(text: str, printed: str) -> None:
    assert latex_escape(text) == printed


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
    assert len(files) > 100
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
