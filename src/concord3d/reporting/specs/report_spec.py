"""What ``papers/<paper>/report.yaml`` may say: tables, figures, claims, audit and ledger of one paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, field_validator

from concord3d.config.places import Place
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import StrictModel, validate
from concord3d.errors import ConfigError, nearest
from concord3d.reporting.figures.kinds import kind_names
from concord3d.reporting.specs.claim_spec import ClaimSpec, SelectionName, Selector

# In YAML a single data set needs no list.
_NAMES = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
_ONE_OR_SEVERAL = WithJsonSchema({"type": "object", "additionalProperties": {"anyOf": _NAMES}})
_NAME_OR_NAMES = WithJsonSchema({"anyOf": _NAMES})
PublishedColumn = Literal["table", "method", "dataset", "setting", "metric"]


class Chance(StrictModel):
    """What guessing gives, from what the protocol says about itself.

    Attributes:
        details: Keys that lead to a number in the protocol's details.
        k: Where set, that number counts candidates, and chance is 100 k over it; else it is chance in percent.
    """

    details: list[str] = Field(min_length=1)
    k: int | None = Field(default=None, ge=1)


class MetricMap(StrictModel):
    """Which of our metrics stands beside a published one.

    Attributes:
        protocol: Our protocol.
        metric: Our metric.
        published: The published metric's name; null for metrics of ours alone.
        setting: Restriction to one published setting; null means any.
        label: Name of the metric in rows of ours alone.
        chance: What guessing gives, as a row of its own; null for none.
    """

    protocol: str
    metric: str
    published: str | None = None
    setting: str | None = None
    label: str | None = None
    chance: Chance | None = None


class RowMatch(StrictModel):
    """Which of our experiments stands beside a published row.

    Attributes:
        method: The published method's name.
        experiments: Our experiments, in order of preference; a cell shows the first that is evaluated on its data set.
        setting: Restriction to one published setting; null means any.
        dataset: Restriction to one published data set; null means any.
        encoder: Only a run with this encoder counts; null means any.
    """

    method: str
    experiments: list[str] = Field(min_length=1)
    setting: str | None = None
    dataset: str | None = None
    encoder: str | None = None

    def is_about(self, method: str, setting: str, dataset: str) -> bool:
        """Whether a published cell is of this row."""
        return self.method == method and self.setting in (None, setting) and self.dataset in (None, dataset)


class TableSpec(StrictModel):
    """One table.

    Attributes:
        id: File name.
        title: Heading.
        published: Table identifiers in the published CSV, in order.
        metrics: Published metrics with ours.
        match: Published rows with ours.
        own: Our experiments without a published row that are appended; ``all`` takes every experiment of the scale.
        own_datasets: Data sets of the appended rows; empty means all that they are evaluated on.
        selections: Selection rules to show; differences are taken from the first.
        baseline: Our experiment that the others are compared with, for the smallest effect that the table could have
            detected; of several, the first that was measured in the same way counts.
        note: What a reader must know.
    """

    id: str
    title: str
    published: list[str] = []
    metrics: list[MetricMap] = []
    match: list[RowMatch] = []
    own: list[str] | Literal["all"] = []
    own_datasets: list[str] = []
    selections: list[SelectionName] = ["last"]
    baseline: Annotated[list[str], _NAME_OR_NAMES] = []
    note: str = ""

    @field_validator("baseline", mode="before")
    @classmethod
    def _one_or_several(cls, baseline: Any) -> Any:
        return [baseline] if isinstance(baseline, str) else baseline


class FigureSpec(StrictModel):
    """One figure.

    Attributes:
        id: File name.
        kind: Module of ``figures/kinds`` that draws it.
        title: Heading inside the figure.
        caption: What is seen.
        options: Its ``Options``, checked when it is drawn.
    """

    id: str
    kind: str
    title: str
    caption: str
    options: dict[str, Any] = {}

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        names = kind_names()
        if kind not in names:
            raise ValueError(f"unknown kind '{kind}'{nearest(kind, names)}; one of {', '.join(names)}")
        return kind


class Identity(StrictModel):
    """Published cells that should agree at the coarser printed precision.

    Attributes:
        left: First cell.
        right: Second cell.
        plus: Where set, this cell is added to the second.
        minus: Where set, this cell is taken from the second.
        constant: Added to the second, in the unit of the cells.
        same: Columns in which the cells must be alike to be compared; for selectors that match many cells.
        why: Why they should agree, or what explains that they do not.
        severity: ``contradiction``, or ``disagreement`` where a difference has an explanation.
    """

    left: Selector
    right: Selector
    plus: Selector | None = None
    minus: Selector | None = None
    constant: float = 0.0
    same: list[PublishedColumn] = []
    why: str
    severity: Literal["contradiction", "disagreement"] = "contradiction"


class CandidateSet(StrictModel):
    """A test set that published values may have been measured on.

    Attributes:
        size: Number of its items.
        why: Which items these are, and where it is said.
        methods: Only cells of these methods may have been measured on it; empty means any.
        settings: Only cells of these settings; empty means any.
        metrics: Only cells of these metrics; empty means any.
    """

    size: int = Field(ge=1)
    why: str = Field(min_length=1)
    methods: list[str] = []
    settings: list[str] = []
    metrics: list[str] = []

    def may_be_of(self, method: str, setting: str, metric: str) -> bool:
        """Whether a cell may have been measured on it."""
        wanted = ((self.methods, method), (self.settings, setting), (self.metrics, metric))
        return all(not names or name in names for names, name in wanted)


class AuditSpec(StrictModel):
    """What the audit knows of the published values.

    Attributes:
        test_sizes: Candidate test sets per published data set name, or per ``<table>/<data set>``; the likeliest first.
        proportion_metrics: Metrics that are k/n over the test items of one run.
        repeated: Words in a setting that mark averages over runs, to which k/n does not apply.
        settings_name_sources: Within a table, a setting says where a value was printed, so that two settings are two
            sources of one quantity; false where a setting is part of the quantity, such as a training set.
        identities: Cells that should agree.
        bounded_by: Pairs of metrics, the first of which cannot exceed the second in the same row.
        growing: Settings in an order in which a metric should not fall (only suspicious, never impossible).
        ranks: k of metrics that say whether the one right item of a test set is among the first k. A row that finds
            exactly k items at each k is suspicious: so does a ranking that ignores its query.
    """

    test_sizes: dict[str, Annotated[list[CandidateSet], Field(min_length=1)]] = {}
    proportion_metrics: list[str] = []
    repeated: list[str] = []
    settings_name_sources: bool = True
    identities: list[Identity] = []
    bounded_by: list[tuple[str, str]] = []
    growing: list[list[str]] = []
    ranks: dict[str, int] = {}


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
    """``papers/<paper>/report.yaml``.

    Attributes:
        paper: The paper's identifier.
        headline: Table that the front page shows.
        headline_columns: Columns that tell the rows of the headline apart, besides method and data set.
        datasets: Published data set names with ours; of several, the first that a scale evaluates on stands for it. Of
            a data set without a published name, what pages call it.
        tables: In the order of the paper.
        figures: In the order of the paper.
        claims: In the order of the specification.
        headline_pivot: What becomes columns of the headline table; None for a row per number.
        main_claim: The claim that the front page's first paragraph tells of.
        cautions: What that paragraph warns of, by scale.
        next_step: What it takes to know more, by scale, where the usual sentence is wrong.
        min_seeds: Trainings on each side of a comparison below which no claim is decided either way.
        audit: See :class:`AuditSpec`.
        ledger: See :class:`LedgerSpec`.
    """

    paper: str
    headline: str
    headline_columns: list[Literal["setting", "metric"]] = []
    datasets: Annotated[dict[str, list[str]], _ONE_OR_SEVERAL] = {}
    tables: list[TableSpec] = Field(min_length=1)
    figures: list[FigureSpec] = []
    claims: list[ClaimSpec] = []
    headline_pivot: Literal["method", "metric"] | None = None
    main_claim: str | None = None
    cautions: dict[str, str] = {}
    next_step: dict[str, str] = {}
    min_seeds: int = Field(default=2, ge=2)
    audit: AuditSpec = AuditSpec()
    ledger: LedgerSpec = LedgerSpec()

    def dataset_name(self, dataset: str) -> str:
        """Return what tables call a data set of ours: its first name, else its identifier as words."""
        named = (name for name, ours in self.datasets.items() if dataset in ours)
        return next(named, dataset.replace("_", " "))

    @field_validator("datasets", mode="before")
    @classmethod
    def _one_or_several(cls, datasets: Any) -> Any:
        if not isinstance(datasets, dict):
            return datasets
        return {name: [ours] if isinstance(ours, str) else ours for name, ours in datasets.items()}

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

    Args:
        path: ``papers/<paper>/report.yaml``.

    Raises:
        ConfigError: An unknown key, a wrong type, an impossible value or an identifier that stands twice.
    """
    root = path.parents[2]
    spec = validate(ReportSpec, load_yaml(path), Place(root, path.relative_to(root)))
    spec.table(spec.headline)
    if spec.main_claim is not None:
        _by_id(spec.claims, spec.main_claim, "claim")
    return spec
