"""``figures/``: every figure of the report file as PNG and SVG, and what pages say where there is nothing to draw."""

from __future__ import annotations

from concord3d.files import write_json
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.figures.drawing import write_figure
from concord3d.reporting.figures.style import FigureContext
from concord3d.reporting.specs.output_files import FIGURES_IN_WORDS


def build(material: Material) -> None:
    """Write all figures, and ``in_words.json`` on those that have nothing to draw."""
    said = {figure.id: build_one(material, figure.id) for figure in material.report.figures}
    path = material.inputs.out / FIGURES_IN_WORDS
    write_json(path, {identifier: text for identifier, text in said.items() if text})


def build_one(material: Material, identifier: str) -> str:
    """Write one figure.

    Returns:
        What pages say in its place, where it has nothing to draw.

    Raises:
        ConfigError: There is no such figure, or its options are wrong.
    """
    report, results = material.report, material.once(results_of)
    spec = report.figure(identifier)
    context = FigureContext(spec, report, results, material.published, material.inputs, material.labels)
    return write_figure(context, material.inputs.out / "figures")
