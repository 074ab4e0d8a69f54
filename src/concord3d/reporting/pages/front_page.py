"""The one page that a reviewer reads first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from concord3d.config.models import Paper
from concord3d.files import read_json, write_text
from concord3d.layout import Layout
from concord3d.reporting.claims.claim_words import rests_on
from concord3d.reporting.claims.comparisons import PRINTED
from concord3d.reporting.evidence.audit import SEVERITIES, Finding
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.page_facts import PageFacts
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs
from concord3d.reporting.markdown import Markdown, grid, heading, plain, prose
from concord3d.reporting.pages.bottom_line import bottom_line, is_about_print
from concord3d.reporting.pages.given_labels import label_lines
from concord3d.reporting.pages.tower_gates import tower_lines
from concord3d.reporting.specs.output_files import FIGURES_IN_WORDS
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import NO_COUNTERPART, Table, coverage
from concord3d.reporting.tables.table_files import (
    EVIDENCE_WORDS,
    SELECTION_WORDS,
    difference_text,
    estimate_text,
    published_text,
    size_text,
    status_text,
)

WORDS = {
    "holds": "HOLDS",
    "fails": "FAILS",
    "undecided": "undecided",
    "not_testable": "not testable at this scale",
    "not_run": "not run",
}
LEGEND = (
    "Published: ± is half a unit of the last printed digit. Ours: 95 % intervals; those of one seed cover the test "
    "items alone, so they are narrower than those of several."
)
IMPOSSIBLE = (
    "*Impossible*: no single run on a test set that may be meant can give the printed value; an average over runs, or "
    "another test set, may. *Dependent*: it is not known which test set was meant, and not each of them can give the "
    "value."
)
VERDICT_LEGEND = (
    "**Holds**: in every part that this scale runs, the 95 % interval of the difference lies above zero, or above "
    "the number that the claim names. "
    "**Fails**: in one part it lies below zero, at a level corrected for the number of parts. **Undecided**: "
    "neither, or there is one training alone, or a result is missing. **Not run**: this scale leaves out a part "
    "without which the claim would say something else. **Not testable**: such a part compares with a number that "
    "belongs to the paper's setting. *Not converged*: trainings of this length still gain from a longer one. The "
    "rule: `docs/VERDICTS.md`. Scopes: *synthetic*, tested on generated data; *real reduced*, tested on real data "
    "after training below the paper's setting; *paper*, the paper's setting."
)
WHOSE_LEGEND = (
    "Whose: *paper*, a text of the paper or about it that could be read makes the claim; *inferred*, it follows "
    "from what such a text lists or prints; *ours*, a hypothesis or control of this reproduction."
)
# Values named for each answer of the audit that several share.
NUM_EXAMPLES = 4
WARNINGS = {
    "smoke": "The smallest run that goes through every step. Its numbers mean nothing.",
    "demo": "Measured on generated data in minutes: trends and their intervals, not the paper's numbers.",
    "small": "Measured below the paper's setting: see the deviations in the ledger before comparing values.",
    "paper": "The published setting, with choices of this reproduction where the paper is silent.",
}


def readme_text(
    report: ReportSpec,
    paper: Paper,
    results: Results,
    tables: Sequence[Table],
    claims: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
    inputs: ReportInputs,
    facts: PageFacts,
) -> str:
    """Return the page: what was run, headline, claims, coverage, gaps, files, how to remake a cell."""
    headline = next(table for table in tables if table.spec.id == report.headline)
    lines = [
        heading(1, plain(paper.title)),
        "",
        f"{plain(paper.authors)}, {plain(paper.venue)}. Reproduced by Concord3D.",
        "",
        f"**scale: {inputs.scale}; data_kind: {', '.join(results.data_kinds) or 'none (nothing was run)'}**  ",
        WARNINGS.get(inputs.scale, ""),
        "",
        *bottom_line(report, claims, headline, inputs.scale, len(results.missing)),
        *_what_was_run(results, inputs, facts),
        *tower_lines(inputs, facts.gates),
        *_headline(headline, report.headline_columns),
        *_claims(claims),
        *_coverage(tables),
        *_figures(report, _said(inputs.out / FIGURES_IN_WORDS)),
        *label_lines(report.paper, inputs, facts.labels, results.histories),
        *_audit(findings),
        *_files(report, results, inputs),
    ]
    return "\n".join(lines) + "\n"


def write_readme(text: str, path: Path) -> None:
    """Write ``README.md``."""
    write_text(path, text)


def _what_was_run(results: Results, inputs: ReportInputs, facts: PageFacts) -> list[str]:
    evaluated = {evaluation.job.experiment for evaluation in results.evaluations}
    done = [run for experiment, run in inputs.runs.items() if experiment in evaluated]
    runs = [run for run in done if run.get("pretrain")]
    sources = sorted({f"{run['pretrain']['dataset']} ({run['pretrain']['data_kind']})" for run in runs})
    encoders = sorted({str(run.get("encoder", {}).get("name")) for run in done})
    epochs = sorted({int(run["training"]["epochs"]) for run in runs if run.get("training", {}).get("epochs")})
    seeds_of = {name: {e.job.seed for e in results.evaluations if e.job.experiment == name} for name in inputs.runs}
    trained_seeds = sorted({seed for name in inputs.trained for seed in seeds_of[name]})
    seeds = sorted({evaluation.job.seed for evaluation in results.evaluations})
    tested = sorted({f"{e.job.dataset} ({e.data_kind})" for e in results.evaluations})
    lines = ["## What was run", ""]
    if runs:
        length = f", {' or '.join(str(e) for e in epochs)} epochs" if epochs else ""
        trained = f"encoder {' and '.join(encoders)}, trained on {' and '.join(sources)}{length}"
        asked = {job.experiment for job in inputs.expected_jobs}
        lines.append(f"- {len(done)} of {len(asked | evaluated)} experiments, {trained}.")
    lines += [
        f"- {len(results.evaluations)} evaluations on {', '.join(tested) or 'no data set'}; "
        f"seeds: {_seeds_in_words(trained_seeds, seeds)}.",
    ]
    alone = [name for name, found in seeds_of.items() if len(found) == 1]
    if alone:
        which = "" if len(seeds) == 1 else f" ({', '.join(alone)})"
        lines.append(f"- **One seed**{which}: intervals cover the test items only, not how trainings differ.")
    if len(trained_seeds) == 2:
        lines.append(
            "- **Two seeds**: each experiment alone tells little of how trainings differ; the spread is that of "
            "all experiments together."
        )
    if results.missing:
        lines.append(f"- **{len(results.missing)} evaluations asked for have no result**; the ledger lists them.")
    return [*lines, *_measured_earlier(inputs, facts), ""]


def _measured_earlier(inputs: ReportInputs, facts: PageFacts) -> list[str]:
    """Return how a report that is made from results differs from one that is made from artifacts."""
    if not inputs.from_results:
        return []
    lines = [
        "- This report was made from the numbers in this folder (`concord3d report --from-results`), not from the "
        "trainings. Figures that show examples (t-SNE maps, pictures) are those of the report before it."
    ]
    left_out, kept = (sum(rows.num_rows for rows in group) for group in (facts.left_out, facts.kept))
    if left_out:
        lines.append(
            f"- **{left_out} rows of that report are left out**: the settings of their trainings or what is measured "
            "has changed. The ledger says of which trainings, and why."
        )
    if kept:
        lines.append(f"- {kept} rows were measured by earlier sources; the ledger says how these differ.")
    return lines


def _seeds_in_words(trained: Sequence[int], every: Sequence[int]) -> str:
    """Return the seeds; those of untrained experiments apart where they are more."""
    words = ", ".join(str(seed) for seed in trained or every) or "none"
    more = trained and set(every) > set(trained)
    return f"{words}; of untrained experiments {', '.join(str(seed) for seed in every)}" if more else words


def _headline(table: Table, extra: Sequence[str]) -> list[str]:
    """Return the headline table without quoted rows; ``extra`` are columns that tell its rows apart."""
    selections = table.spec.selections
    rows = []
    for cell in table.cells:
        if cell.status == "quoted":
            continue
        ours = [estimate_text(cell.estimates.get(s)) if cell.estimates else status_text(cell) for s in selections]
        run = f"{cell.experiment} ({cell.our_run.split(',')[0]})" if cell.our_run else cell.experiment or "-"
        named = [cell.method, cell.dataset, *(getattr(cell, column) or "-" for column in extra)]
        row = [*named, published_text(cell), *ours, difference_text(cell, selections[0])]
        rows.append([*row, size_text(cell.estimates.get(selections[0])), cell.data_kind or "-", run])
    columns = ["method", "data set", *extra, "published", *(f"ours, {SELECTION_WORDS[s]}" for s in selections)]
    columns += ["difference", "items x seeds", "data kind", "our run"]
    title = [heading(2, prose(table.spec.title)), "", f"**{table.header}**", ""]
    notes = [prose(table.spec.note.strip()), ""] if table.spec.note else []
    notes += [LEGEND, ""]
    full = f"All rows, quoted ones too: [`tables/{table.spec.id}.md`](tables/{table.spec.id}.md)."
    effect = [plain(table.smallest_effect), ""] if table.smallest_effect else []
    return [*title, *notes, *grid(columns, rows), "", *effect, full, ""]


def claim_scope(claim: Mapping[str, Any]) -> str:
    """Return how far a verdict reaches; a dash where nothing was judged."""
    if is_about_print(claim):
        return PRINTED
    judged = claim["verdict"] not in ("not_run", "not_testable")
    return str(claim["scope"]).replace("_", " ") if judged else "-"


def _claims(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = []
    for claim in claims:
        judged = claim["verdict"] not in ("not_run", "not_testable")
        scope = claim_scope(claim)
        remark = ", not converged" if judged and not claim["converged"] else ""
        parts = rests_on(claim["verdict"], claim["num_measured"], claim["num_parts"])
        verdict = Markdown(f"**{WORDS[claim['verdict']]}**{parts}{remark}")
        rows.append(
            [str(claim["id"]), prose(claim["text"]), str(claim["whose"]), verdict, scope, str(claim["details"])]
        )
    lines = grid(["id", "claim", "whose", "verdict", "scope", "what was found"], rows)
    return ["## Claims", "", *_counted(claims), "", VERDICT_LEGEND, "", WHOSE_LEGEND, "", *lines, ""]


def _counted(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the numbers of verdicts, for each origin of claims by itself."""
    lines = []
    for name, text in (("paper", "of the paper"), ("inferred", "inferred"), ("ours", "of ours")):
        verdicts = [c["verdict"] for c in claims if c["whose"] == name and not is_about_print(c)]
        if verdicts:
            counts = ", ".join(f"{verdicts.count(verdict)} {word}" for verdict, word in WORDS.items())
            lines.append(f"- {len(verdicts)} claims {text}: {counts}.")
    about_print = sum(is_about_print(claim) for claim in claims)
    return [*lines, f"- {about_print} about printed values alone."] if about_print else lines


def _coverage(tables: Sequence[Table]) -> list[str]:
    counts = coverage(tables)
    share = 100 * counts["measured"] / counts["published"] if counts["published"] else 0.0
    cells = [cell for table in tables for cell in table.cells if cell.status == "measured"]
    real = sum(c.data_kind == "real" and c.published is not None and c.published.value is not None for c in cells)
    rows = []
    for table in tables:
        each = coverage([table])
        link = Markdown(f"[{table.spec.id}](tables/{table.spec.id}.md)")
        numbers = [each["published"], each["measured"], each["not_run"], each["quoted"], each[NO_COUNTERPART]]
        rows.append([link, prose(table.spec.title), *(str(number) for number in numbers)])
    columns = ["table", "", "collected cells", "run here", "not run", "quoted or not attempted", "ours alone"]
    evidence = Counter(cell.evidence for table in tables for cell in table.cells if cell.published is not None)
    sources = ", ".join(f"{number} {EVIDENCE_WORDS.get(name, name)}" for name, number in evidence.most_common())
    text = (
        f"{counts['published']} cells were collected for the tables that the paper prints or should print; where "
        f"they were read: {sources}. {counts['measured']} of them have a run of ours beside them ({share:.1f} %), "
        f"{real} of these tested on real data and with a published value that could be read: only those have a "
        f"difference, and training data and budget differ (ledger); {counts['not_run']} have an experiment that this "
        f"scale does not run, {counts['quoted']} are quoted. What is missing and why: [`ledger.md`](ledger.md)."
    )
    return ["## Share of the collected cells", "", text, "", *grid(columns, rows), ""]


def _said(path: Path) -> Mapping[str, str]:
    """Return what stands in place of figures; pages that are made without figures show them all."""
    said: Mapping[str, str] = read_json(path) if path.exists() else {}
    return said


def _figures(report: ReportSpec, in_words: Mapping[str, str]) -> list[str]:
    lines = ["## Figures", ""]
    for figure in report.figures:
        if figure.id in in_words:
            lines += [f"*{plain(figure.title)}.* {plain(in_words[figure.id])}", ""]
        else:
            title, caption = plain(figure.title), prose(figure.caption)
            lines += [f"![{title}](figures/{figure.id}.png)", "", f"*{title}.* {caption}", ""]
    return lines if report.figures else []


def _audit(findings: Sequence[Finding]) -> list[str]:
    counts = {severity: sum(f.severity == severity for f in findings) for severity in SEVERITIES}
    if not findings:
        return ["## Audit of the published values", "", "Nothing was found: every value checked is possible.", ""]
    counted = ", ".join(f"{number} {severity}" for severity, number in counts.items() if number)
    lines = ["## Audit of the published values", "", f"{counted}; all in [`audit.csv`](audit.csv). {IMPOSSIBLE}", ""]
    worst = [f for f in findings if f.severity in ("impossible", "contradiction")]
    lines += [
        f"- {f.severity}: " + plain(f"{f.cell.method}, {f.cell.dataset}, {f.cell.text}: {f.reason}") for f in worst
    ]
    return [*lines, *_dependent(findings), ""]


def _dependent(findings: Sequence[Finding]) -> list[str]:
    """Say on which test set values are possible where several may be meant, one line for all with the same answer."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        if finding.severity == "dependent":
            groups.setdefault(finding.condition, []).append(f"{finding.cell.method} {finding.cell.text}")
    lines = []
    for condition, cells in groups.items():
        shown = ", ".join(cells[:NUM_EXAMPLES]) + (", ..." if len(cells) > NUM_EXAMPLES else "")
        values = "value" if len(cells) == 1 else "values"
        lines.append(f"- dependent, {len(cells)} {values} ({plain(shown)}): {plain(condition)}.")
    return lines


def remake_commands(paper: str, scale: str, cell: ExpectedJob | tuple[str, str, str, int | str]) -> list[str]:
    """Return the commands that make one evaluation anew, and then what rests on it.

    Args:
        paper: Identifier.
        scale: The scale.
        cell: Experiment, data set, protocol and seed.
    """
    target = f"{Layout(scale).evaluation(paper, *cell)}.json"
    command = f"snakemake --cores all --config scale={scale} 'papers=[{paper}]'"
    return [f"rm -f {target}", f"{command} -- {target}", command]


def _files(report: ReportSpec, results: Results, inputs: ReportInputs) -> list[str]:
    unknown = ("<experiment>", "<data>", "<protocol>", 1)
    commands = remake_commands(report.paper, inputs.scale, next(iter(inputs.expected_jobs), unknown))
    return [
        "## Files, and how to remake one cell",
        "",
        "- `metrics.csv`: every measured number; `per_item/`: the outcome of every test item below it.",
        *_details(results),
        "- `tables/`: CSV, Markdown, LaTeX; `figures/`: PNG, SVG; `claims.json`: every part of every claim.",
        "- `provenance/`: per training the commit, configuration, input hashes, versions, device, time and command; "
        "`page_facts.json`: what this page and the ledger tell beside the numbers.",
        "",
        "One cell is one evaluation. Delete its file: the first command makes it again (in a fresh clone with its "
        "data and training), the second the tables, figures and verdicts that use it (there with all others):",
        "",
        "```sh",
        *commands,
        "```",
    ]


def _details(results: Results) -> list[str]:
    """Return what is told of the choices of protocols and of trainings; results of older versions lack both."""
    has_details = any(evaluation.details for evaluation in results.evaluations)
    has_histories = any(results.histories.values())
    said = ["`details.json`: what each protocol chose, with accuracy by C and by class"] * has_details
    said += ["`histories.csv`: losses"] * has_histories
    return [f"- {'; '.join(said)}."] if said else []
