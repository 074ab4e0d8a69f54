"""The pages of the site, from templates in ``config/site/templates``, and the navigation over them."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from concord3d.errors import DependencyMissing
from concord3d.files import write_text
from concord3d.reporting.claims.claim_words import rests_on
from concord3d.reporting.pages.bottom_line import bottom_line, in_one_line, is_about_print
from concord3d.reporting.pages.front_page import IMPOSSIBLE, VERDICT_LEGEND, WARNINGS, WHOSE_LEGEND, WORDS, claim_scope
from concord3d.reporting.specs.output_files import CLAIMS, METRICS, TABLE_SUFFIXES
from concord3d.reporting.tables.cells import NO_COUNTERPART, Cell, Table, coverage
from concord3d.reporting.tables.table_files import EVIDENCE_WORDS, legend, table_columns, table_row
from concord3d.site.experiments import ExperimentPage, evaluation_anchor, experiments_of
from concord3d.site.interval_plots import plots_of
from concord3d.site.paper_results import PaperResults
from concord3d.site.scene_files import Scene

# Scales in the order in which a reader should trust them.
SCALE_ORDER = ("paper", "small", "demo", "smoke")
SECTIONS = {
    "index": "Overview",
    "claims": "Claims",
    "tables": "Tables",
    "figures": "Figures",
    "audit": "Audit",
    "ledger": "Ledger",
    "runs": "Runs",
}
_NAVIGATED = {"index": "index.md", "tables": "tables/index.md", "runs": "runs/index.md"}


def short_name(paper: PaperResults) -> str:
    """Return what menus call a paper: its method where a label or the title says it."""
    own = (entry.label for name, entry in paper.paper.experiments.items() if name.startswith(paper.name))
    before_colon = paper.paper.title.partition(":")[0]
    return next(own, before_colon).partition(",")[0].partition(" (")[0]


def write_pages(
    templates: Path, papers: Sequence[PaperResults], scenes: Sequence[Scene], folder: Path
) -> list[dict[str, Any]]:
    """Write the Markdown of all pages, and copy the files that they lead to.

    Args:
        templates: Folder of the templates.
        papers: What is told.
        scenes: Examples of the 3D viewer.
        folder: Where pages go.

    Returns:
        The navigation.

    Raises:
        DependencyMissing: Jinja is not installed.
    """
    writer = _Writer(templates, papers, folder)
    scales = [scale for scale in SCALE_ORDER if any(paper.scale == scale for paper in papers)]
    writer.write("index.md", "index.md.j2", by_scale={scale: writer.of_scale(scale) for scale in scales})
    navigation: list[dict[str, Any]] = [{"Home": "index.md"}]
    for scale in scales:
        entries: list[dict[str, Any]] = []
        for paper in writer.of_scale(scale):
            _write_paper(writer, paper)
            place = f"{scale}/{paper.name}"
            pages: list[Any] = [f"{place}/index.md"]
            pages += [
                {SECTIONS[key]: f"{place}/{_NAVIGATED.get(key, f'{key}.md')}"} for key in SECTIONS if key != "index"
            ]
            entries.append({short_name(paper): pages})
        cross = papers[0].folder.parents[1] / scale / "cross"
        if cross.is_dir():
            shutil.copytree(cross, folder / scale / "cross")
            entries.append({"All encoders": f"{scale}/cross/encoders.md"})
        navigation.append({f"Scale {scale}": entries})
    by_kind = {
        kind: [scene for scene in scenes if scene.kind == kind] for kind in dict.fromkeys(s.kind for s in scenes)
    }
    writer.write("viewer.md", "viewer.md.j2", scenes=by_kind)
    return [*navigation, {"3D viewer": "viewer.md"}]


class _Writer:
    """Renders templates into pages."""

    def __init__(self, templates: Path, papers: Sequence[PaperResults], folder: Path) -> None:
        try:
            from jinja2 import Environment, FileSystemLoader, StrictUndefined
        except ImportError as error:
            raise DependencyMissing("Jinja is not installed", found=error, next_step="make setup") from error
        self._papers, self._folder = papers, folder
        self._environment = Environment(
            loader=FileSystemLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._environment.filters["words"] = _words
        self._environment.globals.update(short_name=short_name, WORDS=WORDS, WARNINGS=WARNINGS, SECTIONS=SECTIONS)
        self._environment.globals.update(in_one_line=in_one_line, verdict_counts=_verdict_counts)

    def of_scale(self, scale: str) -> list[PaperResults]:
        """Return the papers of one scale."""
        return [paper for paper in self._papers if paper.scale == scale]

    def scales_of(self, paper: PaperResults) -> list[str]:
        """Return the scales at which a paper has results."""
        return [scale for scale in SCALE_ORDER if (paper.name, scale) in {(p.name, p.scale) for p in self._papers}]

    def write(self, path: str, template: str, **context: Any) -> None:
        """Render a template to a page."""
        context["up"] = "../" * path.count("/")
        write_text(self._folder / path, self._environment.get_template(template).render(context))

    def copy(self, source: Path, path: str) -> None:
        """Put a file of the results beside the pages."""
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _words(text: str) -> Any:
    """Return text for HTML, with what stands between backticks as code and between stars as emphasis."""
    from markupsafe import Markup, escape

    escaped = str(escape(text))
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    escaped = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)
    return Markup(re.sub(r"(?<!\w)\*([^*]+)\*(?!\w)", r"<em>\1</em>", escaped))


def _verdict_counts(claims: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return verdicts with their number in words; claims about printed values alone are counted apart."""
    about_print = sum(is_about_print(claim) for claim in claims)
    counts = Counter(claim["verdict"] for claim in claims if not is_about_print(claim))
    words = [
        (name, f"{counts[name]} {text.partition(' at this')[0].lower()}")
        for name, text in WORDS.items()
        if counts[name]
    ]
    return [*words, *([("print", f"{about_print} about printed values alone")] if about_print else [])]


def _write_paper(writer: _Writer, paper: PaperResults) -> None:
    place, folder = f"{paper.scale}/{paper.name}", paper.folder
    common = {"paper": paper, "scales": writer.scales_of(paper)}
    short = bottom_line(paper.report, paper.claims, paper.headline, paper.scale, len(paper.results.missing))
    covered = [(table, coverage([table])) for table in paper.tables]
    facts = {"covered": covered, "NO_COUNTERPART": NO_COUNTERPART}
    writer.write(f"{place}/index.md", "overview.md.j2", here="index", short="\n".join(short), **facts, **common)
    claims = [(claim, plots_of(claim), claim_scope(claim), _rests_on(claim)) for claim in paper.claims]
    legends = {"verdict_legend": VERDICT_LEGEND, "whose_legend": WHOSE_LEGEND}
    writer.write(f"{place}/claims.md", "claims.md.j2", here="claims", claims=claims, **legends, **common)
    writer.write(f"{place}/tables/index.md", "tables.md.j2", here="tables", **facts, **common)
    for table in paper.tables:
        shown = {"table": table, "rows": [_table_row(table, cell) for cell in table.cells]}
        shown |= {"columns": table_columns(table), "legend": legend(table)}
        files = [f"{table.spec.id}.{suffix}" for suffix in TABLE_SUFFIXES if suffix != "md"]
        files = [name for name in files if (folder / "tables" / name).exists()]
        writer.write(f"{place}/tables/{table.spec.id}.md", "table.md.j2", here="tables", files=files, **shown, **common)
        for name in files:
            writer.copy(folder / "tables" / name, f"{place}/tables/{name}")
    figures = [figure for figure in paper.report.figures if figure.id in paper.in_words or _drawn(folder, figure.id)]
    writer.write(f"{place}/figures.md", "figures.md.j2", here="figures", figures=figures, **common)
    for figure in figures:
        if figure.id not in paper.in_words:
            for suffix in ("png", "svg"):
                writer.copy(folder / "figures" / f"{figure.id}.{suffix}", f"{place}/figures/{figure.id}.{suffix}")
    writer.write(
        f"{place}/audit.md", "audit.md.j2", here="audit", impossible=IMPOSSIBLE, evidence=EVIDENCE_WORDS, **common
    )
    ledger = (folder / "ledger.md").read_text(encoding="utf-8")
    writer.write(f"{place}/ledger.md", "ledger.md.j2", here="ledger", ledger=ledger, **common)
    _write_runs(writer, paper, place, common)
    for name in (METRICS, CLAIMS, "audit.csv", "histories.csv", "details.json"):
        if (folder / name).exists():
            writer.copy(folder / name, f"{place}/{name}")


def _drawn(folder: Path, figure: str) -> bool:
    return (folder / "figures" / f"{figure}.png").exists()


def _rests_on(claim: Mapping[str, Any]) -> str:
    judged = claim["verdict"] not in ("not_run", "not_testable")
    remark = ", not converged" if judged and not claim["converged"] else ""
    return f"{rests_on(claim['verdict'], claim['num_measured'], claim['num_parts'])}{remark}"


def _table_row(table: Table, cell: Cell) -> dict[str, Any]:
    """Return what a row shows, by what its numbers are sorted, and where its measurement is told of."""
    first, *others = table.spec.selections
    columns, texts = table_columns(table), table_row(table, cell)
    estimates = [cell.estimates.get(name) for name in (first, *others)]
    values = {f"ours, {at}": each for at, each in zip(("first", *others), estimates, strict=True)}
    ours = [index for index, name in enumerate(columns) if name.startswith("ours")]
    order: dict[int, float | None] = {columns.index("published"): cell.published.value if cell.published else None}
    order[columns.index("difference")] = cell.difference(first)
    for index, estimate in zip(ours, values.values(), strict=True):
        order[index] = estimate.interval.value if estimate else None
    anchor = evaluation_anchor(cell.address.dataset, cell.address.protocol) if cell.address else ""
    cells = [
        {
            "text": text,
            "order": order[index]
            if index in order and order[index] is not None
            else ("-1e99" if index in order else None),
            "link": f"../runs/{cell.experiment}.html#{anchor}" if index in ours and anchor and text != "-" else "",
        }
        for index, text in enumerate(texts)
    ]
    source = cell.published.source if cell.published else ""
    return {"cells": cells, "status": cell.status, "source": source}


def _write_runs(writer: _Writer, paper: PaperResults, place: str, common: Mapping[str, Any]) -> None:
    experiments = experiments_of(paper)
    writer.write(f"{place}/runs/index.md", "runs.md.j2", here="runs", experiments=experiments, **common)
    known = {experiment.name for experiment in experiments}
    for experiment in experiments:
        shown = {"experiment": experiment, "known": known, "config": _config(experiment)}
        writer.write(f"{place}/runs/{experiment.name}.md", "run.md.j2", here="runs", **shown, **common)
        for seed in experiment.records:
            name = f"{experiment.name}__s{seed}.json"
            writer.copy(paper.folder / "provenance" / name, f"{place}/runs/{name}")


def _config(experiment: ExperimentPage) -> str:
    record = next(iter(experiment.records.values()), None)
    return json.dumps(record["config"], indent=1) if record else ""
