"""``figures/``: every figure of the report file as PNG and SVG, and what pages say where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Mapping

from concord3d.files import read_json, write_json
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.figures.drawing import examples_of, write_figure, write_sentence
from concord3d.reporting.figures.style import FigureContext
from concord3d.reporting.specs.output_files import FIGURE_SUFFIXES, FIGURES_IN_WORDS

NO_EXAMPLES = "Its examples are no part of the results that this report was made from."


def build(material: Material) -> None:
    """Write all figures, and ``in_words.json`` on those that have nothing to draw."""
    path = material.inputs.out / FIGURES_IN_WORDS
    earlier: Mapping[str, str] = read_json(path) if material.inputs.from_results and path.exists() else {}
    said = {figure.id: _kept_or_built(material, figure.id, earlier) for figure in material.report.figures}
    write_json(path, {identifier: text for identifier, text in said.items() if text})


def build_one(material: Material, identifier: str) -> str:
    """Write one figure.

    Returns:
        What pages say in its place, where it has nothing to draw.

    Raises:
        ConfigError: There is no such figure, or its options are wrong.
    """
    return write_figure(_context(material, identifier), material.inputs.out / "figures")


def _context(material: Material, identifier: str) -> FigureContext:
    report, results = material.report, material.once(results_of)
    return FigureContext(
        report.figure(identifier), report, results, material.published, material.inputs, material.labels
    )


def _kept_or_built(material: Material, identifier: str, earlier: Mapping[str, str]) -> str:
    """Write a figure; one with examples that results do not hold stays as it is in a report made from results."""
    context = _context(material, identifier)
    shown = examples_of(context) if material.inputs.from_results else None
    jobs = {evaluation.job for evaluation in material.evaluations}
    drawn = [e for e in material.evaluations if (e.job.experiment, e.job.protocol) in (shown or ())]
    if shown is None or (shown and not drawn):
        return build_one(material, identifier)
    folder = material.inputs.out / "figures"
    # Results hold no arrays; of trainings that are added to them they are there, but pictures of shapes may not be.
    if (
        shown
        and all(evaluation.arrays for evaluation in drawn)
        and not write_figure(context, folder, in_any_case=False)
    ):
        return ""
    there = all((folder / f"{identifier}.{suffix}").exists() for suffix in FIGURE_SUFFIXES)
    gone = {(rows.experiment, rows.seed) for rows in material.source.facts.left_out}
    gone -= {(job.experiment, job.seed) for job in jobs}
    if not there or {experiment for experiment, _ in shown} & {experiment for experiment, _ in gone}:
        return write_sentence(context, folder, NO_EXAMPLES)
    return earlier.get(identifier, "")
