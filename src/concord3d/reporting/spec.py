"""What ``papers/<paper>.report.yaml`` may say: tables, figures, claims, audit and ledger of one paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import StrictModel, validate
from concord3d.errors import ConfigError, nearest

Relation = Literal[">", ">="]
SelectionName = Literal["last", "best_val", "best_test"]


class MetricMap(StrictModel):
    """Which of our metrics stands beside a published one.

    Attributes:
        protocol: Our protocol.
        metric: Our metric.
        published: The published metric's name; null for metrics of ours alone.
        setting: Restriction to one published setting; null means any.
        label: Name of the metric in rows of ours alone.
    """

    protocol: str
    metric: str
    published: str | None = None
    setting: str | None = None
    label: str | None = None


class RowMatch(StrictModel):
    """Which of our experiments stands beside a published row.

    Attributes:
        method: The published method's name.
        experiments: Our experiments, in order of preference; the first that the scale runs is shown.
        setting: Restriction to one published setting; null means any.
        encoder: Only a run with this encoder counts; null means any.
    """

    method: str
    experiments: list[str] = Field(min_length=1)
    setting: str | None = None
    encoder: str | None = None


class TableSpec(StrictModel):
    """One table.

    Attributes:
        id: File name.
        title: Heading.
        published: Table identifiers in the published CSV, in order.
        metrics: Published metrics with ours.
        match: Published rows with ours.
        own: Our experiments without a published row that are appended; ``all`` takes every experiment of the scale.
        selections: Selection rules to show; differences are taken from the first.
        note: What a reader must know.
    """

    id: str
    title: str
    published: list[str] = []
    metrics: list[MetricMap] = []
    match: list[RowMatch] = []
    own: list[str] | Literal["all"] = []
    selections: list[SelectionName] = ["last"]
    note: str = ""


class FigureSpec(StrictModel):
    """One figure.

    Attributes:
        id: File name.
        kind: Which drawing function.
        title: Heading inside the figure.
        caption: What is seen.
        options: Arguments of the drawing function, checked by it.
    """

    id: str
    kind: Literal["views_curve", "bars", "mutual_information", "embedding", "part_renders", "rerun_scatter", "seeds"]
    title: str
    caption: str
    options: dict[str, Any] = {}


class Term(StrictModel):
    """A number in a claim: a measurement, a constant, a training figure, or a combination of such.

    Exactly one kind is set. In YAML a bare string is an experiment and a bare number a constant.

    Attributes:
        experiment: Measurement of this experiment (``*`` inside ``for_each``).
        dataset: Of the measurement; null takes the part's.
        protocol: Of the measurement; null takes the part's.
        metric: Of the measurement; null takes the part's.
        selection: Of the measurement; null takes the part's.
        constant: A published value, in the metric's unit.
        history: Key of ``held_out`` in the training history of ``experiment``.
        at: Which snapshot of the history.
        max: Largest of these.
        mean: Mean of these.
        minus: First minus second.
    """

    experiment: str | None = None
    dataset: str | None = None
    protocol: str | None = None
    metric: str | None = None
    selection: SelectionName | None = None
    constant: float | None = None
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
        kinds = (self.experiment, self.constant, self.max, self.mean, self.minus)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a term is exactly one of experiment, constant, max, mean, minus")
        return self


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
        name: What distinguishes the part, e.g. the data set.
        lhs: Left side; or ``trend``, whose rank correlation is compared with 0.
        trend: See :class:`Trend`.
        relation: ``>`` or ``>=``.
        rhs: Right side.
        margin: Added to the left side (``within 1 point`` is a margin of 1).
        dataset: Default of the terms.
        protocol: Default of the terms.
        metric: Default of the terms.
        selection: Default of the terms.
        optional: Left out where the scale does not ask for its experiments, instead of ``not_run``.
        for_each: One part per experiment of the scale that has the data set and protocol, but for these.
    """

    name: str
    lhs: Term | None = None
    trend: Trend | None = None
    relation: Relation = ">"
    rhs: Term = Term(constant=0.0)
    margin: float = 0.0
    dataset: str = "modelnet40"
    protocol: str = "linear_svm"
    metric: str = "overall_accuracy"
    selection: SelectionName = "last"
    optional: bool = False
    for_each: list[str] | None = None

    @model_validator(mode="after")
    def _one_side(self) -> ClaimPart:
        if (self.lhs is None) == (self.trend is None):
            raise ValueError("a part has either lhs or trend")
        return self


class ClaimSpec(StrictModel):
    """A claim of the paper: all its parts must hold.

    Attributes:
        id: E.g. ``C1``.
        text: The claim in words.
        origin: Where the claim was seen.
        parts: Its inequalities.
    """

    id: str
    text: str
    origin: str
    parts: list[ClaimPart] = Field(min_length=1)


class Selector(StrictModel):
    """Published cells with these values; null means any."""

    table: str | None = None
    method: str | None = None
    dataset: str | None = None
    setting: str | None = None
    metric: str | None = None


class Identity(StrictModel):
    """Two published cells that should agree at the coarser printed precision.

    Attributes:
        left: First cell.
        right: Second cell.
        why: Why they should agree, or what explains that they do not.
        severity: ``contradiction``, or ``disagreement`` where a difference has an explanation.
    """

    left: Selector
    right: Selector
    why: str
    severity: Literal["contradiction", "disagreement"] = "contradiction"


class AuditSpec(StrictModel):
    """What the audit knows of the published values.

    Attributes:
        test_sizes: Possible sizes of the test set per published data set name, or per ``<table>/<data set>``.
        proportion_metrics: Metrics that are k/n over the test items of one run.
        repeated: Words in a setting that mark averages over runs, to which k/n does not apply.
        identities: Cells that should agree.
        bounded_by: Pairs of metrics, the first of which cannot exceed the second in the same row.
        growing: Settings in an order in which a metric should not fall (only suspicious, never impossible).
    """

    test_sizes: dict[str, list[int]] = {}
    proportion_metrics: list[str] = []
    repeated: list[str] = []
    identities: list[Identity] = []
    bounded_by: list[tuple[str, str]] = []
    growing: list[list[str]] = []


class Deviation(StrictModel):
    """A known difference between the published study and ours."""

    what: str
    paper: str
    ours: str
    effect: str
    scales: list[str] | None = None


class LedgerSpec(StrictModel):
    """Deviations, and what is not attempted."""

    deviations: list[Deviation] = []
    not_attempted: dict[str, str] = {}
    datasets: dict[str, str] = {}


class ReportSpec(StrictModel):
    """``papers/<paper>.report.yaml``.

    Attributes:
        paper: The paper's identifier.
        headline: Table and claims that the front page shows.
        datasets: Published data set names with ours.
        tables: In the order of the paper.
        figures: In the order of the paper.
        claims: In the order of the specification.
        min_seeds: Trainings below which no claim is decided either way.
        audit: See :class:`AuditSpec`.
        ledger: See :class:`LedgerSpec`.
    """

    paper: str
    headline: str
    datasets: dict[str, str] = {}
    tables: list[TableSpec] = Field(min_length=1)
    figures: list[FigureSpec] = []
    claims: list[ClaimSpec] = []
    min_seeds: int = Field(default=1, ge=1)
    audit: AuditSpec = AuditSpec()
    ledger: LedgerSpec = LedgerSpec()

    @field_validator("tables", "figures", "claims")
    @classmethod
    def _unique(cls, entries: list[Any]) -> list[Any]:
        names = [entry.id for entry in entries]
        if len(names) != len(set(names)):
            raise ValueError(f"identifiers stand twice: {sorted({n for n in names if names.count(n) > 1})}")
        return entries

    def table(self, identifier: str) -> TableSpec:
        """Return a table by identifier."""
        return _by_id(self.tables, identifier, "table")

    def figure(self, identifier: str) -> FigureSpec:
        """Return a figure by identifier."""
        return _by_id(self.figures, identifier, "figure")


def _by_id(entries: list[Any], identifier: str, what: str) -> Any:
    names = [entry.id for entry in entries]
    if identifier not in names:
        raise ConfigError(f"unknown {what} '{identifier}'{nearest(identifier, names)}", expected=", ".join(names))
    return entries[names.index(identifier)]


def load_report_spec(path: Path) -> ReportSpec:
    """Read a report file.

    Raises:
        ConfigError: An unknown key, a wrong type, an impossible value or an identifier that stands twice.
    """
    spec = validate(ReportSpec, load_yaml(path), path.name)
    spec.table(spec.headline)
    return spec
