"""What a claim may say in ``papers/<paper>/report.yaml``: inequalities between measured and published numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from concord3d.config.validation import StrictModel

Relation = Literal[">", ">="]
SelectionName = Literal["last", "best_val", "published", "best_test"]


class Selector(StrictModel):
    """Published cells with these values; null means any."""

    table: str | None = None
    method: str | None = None
    dataset: str | None = None
    setting: str | None = None
    metric: str | None = None


def _with_short_forms(schema: dict[str, Any]) -> None:
    """Let editors accept a bare string and a bare number as a term."""
    whole = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string"}, {"type": "number"}, whole]


class Term(StrictModel):
    """A number in a claim: a measurement, a published value, a constant, a training figure, or a combination of such.

    Exactly one kind is set. In YAML a bare string is an experiment and a bare number a constant.

    Attributes:
        experiment: Measurement of this experiment (``*`` inside ``for_each``).
        dataset: Of the measurement; null takes the part's.
        protocol: Of the measurement; null takes the part's.
        metric: Of the measurement; null takes the part's.
        selection: Of the measurement; null takes the part's.
        constant: A published value, in the metric's unit.
        published: The one published cell with these values.
        history: Key of ``held_out`` in the training history of ``experiment``.
        at: Which snapshot of the history.
        max: Largest of these.
        mean: Mean of these.
        minus: First minus second.
    """

    model_config = ConfigDict(json_schema_extra=_with_short_forms)

    experiment: str | None = None
    dataset: str | None = None
    protocol: str | None = None
    metric: str | None = None
    selection: SelectionName | None = None
    constant: float | None = None
    published: Selector | None = None
    history: str | None = None
    at: Literal["first", "last"] = "last"
    max: list[Term] | None = None
    mean: list[Term] | None = None
    minus: list[Term] | None = Field(default=None, min_length=2, max_length=2)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"experiment": value}
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"constant": value}
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Term:
        kinds = (self.experiment, self.constant, self.published, self.max, self.mean, self.minus)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a term is exactly one of experiment, constant, published, max, mean, minus")
        return self

    def measurements(self) -> Iterator[Term]:
        """Yield the measurements that the term rests on; figures of a training are none."""
        if self.experiment is not None and self.history is None:
            yield self
        for child in (*(self.max or ()), *(self.mean or ()), *(self.minus or ())):
            yield from child.measurements()


class Trend(StrictModel):
    """Spearman's rank correlation between a setting and the measurements at it.

    Attributes:
        x: The setting's values.
        terms: One experiment per value.
    """

    x: list[float] = Field(min_length=3)
    terms: list[Term] = Field(min_length=3)

    @model_validator(mode="after")
    def _as_many(self) -> Trend:
        if len(self.x) != len(self.terms):
            raise ValueError("as many terms as values of x")
        return self


class ClaimPart(StrictModel):
    """One inequality.

    Attributes:
        name: What distinguishes the part, e.g. the data set; may be empty with ``over``.
        lhs: Left side; or ``trend``, whose rank correlation is compared with 0.
        trend: See :class:`Trend`.
        relation: ``>`` or ``>=``.
        rhs: Right side.
        margin: Added to the left side (``within 1 point`` is a margin of 1).
        dataset: Of the terms that name none.
        protocol: Of the terms that name none.
        metric: Of the terms that name none.
        selection: Of the terms that name none.
        optional: Left out where the scale does not ask for its experiments, instead of ``not_run``.
        for_each: One part per experiment of the scale that has the data set and protocol, but for these.
        over: One part per data set in place of ``dataset``, named after it; label to identifier. Data sets on which a
            scale does not evaluate the protocol at all are left out, unless that leaves none.
    """

    name: str = ""
    lhs: Term | None = None
    trend: Trend | None = None
    relation: Relation = ">"
    rhs: Term = Term(constant=0.0)
    margin: float = 0.0
    dataset: str = ""
    protocol: str = ""
    metric: str = ""
    selection: SelectionName = "last"
    optional: bool = False
    for_each: list[str] | None = None
    over: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_side(self) -> ClaimPart:
        if (self.lhs is None) == (self.trend is None):
            raise ValueError("a part has either lhs or trend")
        if self.dataset and self.over:
            raise ValueError("a part has either dataset or over")
        if not self.name and not self.over:
            raise ValueError("a part needs a name")
        return self

    @model_validator(mode="after")
    def _every_measurement_is_named(self) -> ClaimPart:
        """Nothing is taken from the headline or from an order: what is measured stands in the part or in its terms."""
        given = [self.lhs, self.rhs] if self.trend is None else self.trend.terms
        terms = [leaf for term in given if term is not None for leaf in term.measurements()]
        own = {"dataset": self.dataset or bool(self.over), "protocol": self.protocol, "metric": self.metric}
        unnamed = [key for key in own if not own[key] and any(getattr(term, key) is None for term in terms)]
        # Experiments are chosen, and a trend is described, by the part's own data set and protocol.
        if self.trend is not None or self.for_each is not None:
            unnamed += [key for key in ("dataset", "protocol") if not own[key] and key not in unnamed]
        if unnamed:
            raise ValueError(f"{self.name or 'a part'!r} names no {', '.join(unnamed)}")
        return self

    def per_dataset(self) -> list[ClaimPart]:
        """Return the part, or one part per data set of ``over``."""
        if not self.over:
            return [self]
        return [
            self.model_copy(update={"name": f"{self.name}, {label}" if self.name else label, "dataset": d, "over": {}})
            for label, d in self.over.items()
        ]


class ClaimSpec(StrictModel):
    """A claim: all its parts must hold.

    Attributes:
        id: E.g. ``C1``.
        text: The claim in words.
        whose: ``paper``: a readable text of the paper or about it makes it; ``inferred``: it follows from what such a
            text lists or prints; ``ours``: a hypothesis or a control of this reproduction.
        origin: Where the claim was seen.
        parts: Its inequalities.
    """

    id: str
    text: str
    whose: Literal["paper", "inferred", "ours"]
    origin: str
    parts: list[ClaimPart] = Field(min_length=1)
