"""A part of a claim with what was found and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from concord3d.reporting.claims.comparisons import Comparison
from concord3d.reporting.claims.convergence import LongerRuns
from concord3d.reporting.claims.decisions import PartVerdict
from concord3d.reporting.claims.scopes import Scope
from concord3d.reporting.specs.claim_spec import ClaimPart


@dataclass(frozen=True)
class JudgedPart:
    """One inequality at a scale.

    Attributes:
        part: With one data set, and experiments that are chosen.
        comparison: What was found; its reason says why nothing was.
        verdict: What that comes to.
        scope: How far the verdict reaches.
        longer: What longer trainings say where the part was measured.
    """

    part: ClaimPart
    comparison: Comparison
    verdict: PartVerdict
    scope: Scope
    longer: LongerRuns = field(default_factory=LongerRuns)
