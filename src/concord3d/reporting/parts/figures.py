"""``figures/``: every figure of the report file as PNG and SVG."""

from __future__ import annotations

from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.figures.drawing import write_figure
from concord3d.reporting.figures.style import FigureContext


def build(material: Material) -> None:
    """Write all figures."""
    for figure in material.report.figures:
        build_one(material, figure.id)


def build_one(material: Material, identifier: str) -> None:
    """Write one figure.

    Raises:
        ConfigError: There is no such figure, or its options are wrong.
    """
    report, results = material.report, material.once(results_of)
    spec = report.figure(identifier)
    context = FigureContext(spec, report, results, material.published, material.inputs, material.labels)
    write_figure(context, material.inputs.out / "figures")
