"""What a claim may say in ``papers/<paper>/report.yaml``: inequalities between measured and published numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    Exactly one kind is set. In YAML a bare string is an experiment and a bare number a constant. There is no largest or
    smallest of several: such a term is biased, and its parts are inequalities that each have their own error.

    Attributes:
        experiment: Measurement of this experiment (``*`` inside ``for_each``).
        preferred: Measurement of the first of these experiments that the scale evaluates, as rows of tables choose it.
            Where several terms of a part have such lists, all take the same place of their lists.
        dataset: Of the measurement; null takes the part's.
        protocol: Of the measurement; null takes the part's.
        metric: Of the measurement; null takes the part's.
        selection: Of the measurement; null takes the part's.
        constant: A published value, in the metric's unit.
        published: The one published cell with these values.
        history: Key of ``held_out`` in the training history of ``experiment``.
        at: Which snapshot of the history.
        mean: Mean of these.
        minus: First minus second.
    """

    model_config = ConfigDict(json_schema_extra=_with_short_forms)

    experiment: str | None = None
    preferred: list[str] | None = Field(default=None, min_length=2)
    dataset: str | None = None
    protocol: str | None = None
    metric: str | None = None
    selection: SelectionName | None = None
    constant: float | None = None
    published: Selector | None = None
    history: str | None = None
    at: Literal["first", "last"] = "last"
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
        kinds = (self.experiment, self.preferred, self.constant, self.published, self.mean, self.minus)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a term is exactly one of experiment, preferred, constant, published, mean, minus")
        return self

    @property
    def children(self) -> tuple[Term, ...]:
        """The terms that this one combines."""
        return (*(self.mean or ()), *(self.minus or ()))

    def below(self) -> Iterator[Term]:
        """Yield the term and every term inside it."""
        yield self
        for child in self.children:
            yield from child.below()

    def mapped(self, change: Callable[[Term], Term]) -> Term:
        """Return the term with ``change`` applied to each term inside it that combines no others."""
        if not self.children:
            return change(self)
        changed = {
            name: [child.mapped(change) for child in children]
            for name in ("mean", "minus")
            if (children := getattr(self, name)) is not None
        }
        return self.model_copy(update=changed)

    @property
    def is_measured(self) -> bool:
        """Whether this is itself a measurement or a training figure, and no combination of such."""
        return self.experiment is not None or self.preferred is not None

    def measurements(self) -> Iterator[Term]:
        """Yield the measurements that the term rests on; figures of a training are none."""
        yield from (term for term in self.below() if term.is_measured and term.history is None)


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
        lhs: Left side; or ``trend``, whose rank correlation is compared with 0; or neither with ``unmeasured``.
        trend: See :class:`Trend`.
        relation: ``>`` or ``>=``.
        rhs: Right side.
        margin: Added to the left side (``within 1 point`` is a margin of 1).
        dataset: Of the terms that name none.
        protocol: Of the terms that name none.
        metric: Of the terms that name none.
        selection: Of the terms that name none.
        essential: Without this part the claim says something else, so a scale that does not run it does not judge the
            claim. Others count where they are run. With ``over`` or ``for_each``, one that is run is enough.
        real_alone: Why synthetic data cannot show it, such as the lack of photographs; where the scale has those, the
            part is not testable. Empty for all other parts.
        unmeasured: Why nothing here measures it, such as a task that no method of this project trains for; the part is
            run at no scale, and has no sides. Empty for all other parts.
        for_each: One part per experiment of the scale that has the data set and protocol, but for these.
        over: One part per entry in place of ``dataset``. An entry maps labels to data sets that stand in for each
            other: the first on which the scale evaluates the protocol is taken, and the part is named after it.
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
    essential: bool = True
    real_alone: str = ""
    unmeasured: str = ""
    for_each: list[str] | None = None
    over: list[dict[str, str]] = []

    @model_validator(mode="after")
    def _one_side(self) -> ClaimPart:
        if sum((self.lhs is not None, self.trend is not None, bool(self.unmeasured))) != 1:
            raise ValueError("a part has either lhs or trend or says why it is unmeasured")
        if self.dataset and self.over:
            raise ValueError("a part has either dataset or over")
        if not self.name and not self.over:
            raise ValueError("a part needs a name")
        return self

    @model_validator(mode="after")
    def _every_measurement_is_named(self) -> ClaimPart:
        """Nothing is taken from the headline or from an order: what is measured stands in the part or in its terms."""
        terms = [leaf for term in self.terms for leaf in term.measurements()]
        own = {"dataset": self.dataset or bool(self.over), "protocol": self.protocol, "metric": self.metric}
        unnamed = [key for key in own if not own[key] and any(getattr(term, key) is None for term in terms)]
        # Experiments are chosen, and a trend is described, by the part's own data set and protocol.
        if self.trend is not None or self.for_each is not None:
            unnamed += [key for key in ("dataset", "protocol") if not own[key] and key not in unnamed]
        if unnamed:
            raise ValueError(f"{self.name or 'a part'!r} names no {', '.join(unnamed)}")
        return self

    @property
    def terms(self) -> list[Term]:
        """Both sides, or the terms of the trend."""
        return (
            self.trend.terms if self.trend is not None else [side for side in (self.lhs, self.rhs) if side is not None]
        )

    @property
    def is_absolute(self) -> bool:
        """Whether a measurement is compared with a number that was not measured here, zero apart."""
        given = [term for side in self.terms for term in side.below()]
        bounds = [term for term in given if term.published is not None or term.constant]
        return bool(bounds) and any(term.is_measured for term in given)

    def mapped(self, change: Callable[[Term], Term]) -> ClaimPart:
        """Return the part with ``change`` applied to each term that combines no others."""
        if self.trend is not None:
            terms = [term.mapped(change) for term in self.trend.terms]
            return self.model_copy(update={"trend": self.trend.model_copy(update={"terms": terms})})
        lhs = None if self.lhs is None else self.lhs.mapped(change)
        return self.model_copy(update={"lhs": lhs, "rhs": self.rhs.mapped(change)})

    def on(self, label: str, dataset: str) -> ClaimPart:
        """Return a part of ``over`` on one data set, named after it."""
        name = f"{self.name}, {label}" if self.name else label
        return self.model_copy(update={"name": name, "dataset": dataset, "over": []})


class ClaimSpec(StrictModel):
    """A claim: all its parts that a scale runs must hold (docs/VERDICTS.md).

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

    @model_validator(mode="after")
    def _rests_on_something(self) -> ClaimSpec:
        if not any(part.essential for part in self.parts):
            raise ValueError(f"{self.id} has no essential part")
        return self
