"""What the parts of one report read, each thing at its first use and once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from concord3d.config.models import Paper
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import validate
from concord3d.errors import ReportingError
from concord3d.reporting.evidence.added_results import AddedResults
from concord3d.reporting.evidence.artifacts import Artifacts
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.published_values import PublishedCell, read_published
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.reported_results import ReportedResults
from concord3d.reporting.evidence.source import Source
from concord3d.reporting.specs.report_spec import ReportSpec, load_report_spec

Computed = TypeVar("Computed")


class Material:
    """The files of one report as they are read.

    Args:
        inputs: Where they lie, what was asked for, and where the report goes.
    """

    def __init__(self, inputs: ReportInputs) -> None:
        self.inputs = inputs
        self._computed: dict[Callable[[Material], Any], Any] = {}

    @cached_property
    def paper(self) -> Paper:
        """The paper's file."""
        return validate(Paper, load_yaml(self.inputs.paper_yaml), self.inputs.paper_yaml.name)

    @cached_property
    def report(self) -> ReportSpec:
        """The paper's report file.

        Raises:
            ReportingError: It belongs to another paper.
        """
        report = load_report_spec(self.inputs.report_yaml)
        if report.paper != self.paper.paper:
            raise ReportingError(
                "The report file belongs to another paper",
                where=self.inputs.report_yaml,
                expected=self.paper.paper,
                found=report.paper,
            )
        return report

    @cached_property
    def published(self) -> tuple[PublishedCell, ...]:
        """All published cells."""
        return read_published(self.inputs.published_csv)

    @cached_property
    def source(self) -> Source:
        """What was measured: artifacts, the results of an earlier report, or both."""
        if not self.inputs.from_results:
            return Artifacts(self.inputs)
        return AddedResults(self.inputs) if self.inputs.add else ReportedResults(self.inputs)

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations that count, sorted."""
        return self.source.evaluations

    @cached_property
    def labels(self) -> dict[str, str]:
        """Label per experiment, in the paper's order."""
        return {name: experiment.label for name, experiment in self.paper.experiments.items()}

    def read(self) -> None:
        """Read all files now.

        Raises:
            ConfigError: The paper's or the report's file is invalid.
            UnreadableFile: A result is damaged.
            ReportingError: A file contradicts itself or another one.
        """
        _ = self.report, self.published, self.evaluations, self.source.histories, self.source.records, self.source.facts

    def once(self, compute: Callable[[Material], Computed]) -> Computed:
        """Return what a function makes of this material; a second call returns the same object."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        found: Computed = self._computed[compute]
        return found
