"""How far a verdict reaches: generated data, real data below the paper's setting, or the paper's setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from concord3d.reporting.claims.comparisons import leaves
from concord3d.reporting.evidence.addresses import Address, HistoryAddress
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.specs.claim_spec import ClaimPart

Scope = Literal["synthetic", "real_reduced", "paper"]
# From the narrowest.
SCOPES: tuple[Scope, ...] = ("synthetic", "real_reduced", "paper")


def scope_of(data_kinds: Sequence[str], scale: str, pretrained_on: Sequence[str] = ()) -> Scope:
    """Return how far a verdict reaches: synthetic data never reach beyond themselves.

    Args:
        data_kinds: Kinds of data evaluated on; none counts as synthetic below paper scale.
        scale: The scale.
        pretrained_on: Kinds of data trained on: ``real``, ``synthetic``, or ``mixed`` of both.
    """
    if "synthetic" in data_kinds or (not data_kinds and scale != "paper"):
        return "synthetic"
    return "paper" if scale == "paper" and set(pretrained_on) <= {"real"} else "real_reduced"


def scope_of_part(
    part: ClaimPart, inputs: ReportInputs, measured_on: Sequence[str] = (), otherwise: Sequence[str] = ()
) -> Scope:
    """Return how far the verdict on one inequality reaches.

    Args:
        part: Its experiments are chosen.
        inputs: What the scale runs.
        measured_on: Kinds of data that its measurements were made on; none takes those of its data sets.
        otherwise: Kinds of data where the scale has none of its data sets either.
    """
    found = [leaf for side in part.terms for leaf in leaves(side, part)]
    trained = [
        str(pretrain["data_kind"])
        for leaf in found
        if (pretrain := inputs.runs.get(leaf.experiment, {}).get("pretrain")) is not None
    ]
    if trained and all(isinstance(leaf, HistoryAddress) for leaf in found):
        return scope_of(trained, inputs.scale, trained)
    places = [leaf.dataset for leaf in found if isinstance(leaf, Address)]
    tested = [inputs.data_kinds[place] for place in places if place in inputs.data_kinds]
    return scope_of(measured_on or tested or otherwise, inputs.scale, trained)
