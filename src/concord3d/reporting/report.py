"""The whole report in one process."""

from __future__ import annotations

from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.report_part import build_from
from concord3d.reporting.specs.output_files import PARTS, RESULT_PARTS


def build_report(inputs: ReportInputs) -> None:
    """Write everything below ``inputs.out``, and the pages as HTML where they are made of artifacts.

    Everything is read before anything is written, so a damaged file leaves an earlier report as it was.

    Args:
        inputs: What to read, what was asked for, where to write.

    Raises:
        ConfigError: The paper's or the report's file is invalid.
        UnreadableFile: A result is damaged.
        ReportingError: Results or published values contradict themselves.
    """
    material = Material(inputs)
    material.read()
    material.once(results_of)
    for part in RESULT_PARTS if inputs.from_results else PARTS:
        build_from(material, part)
