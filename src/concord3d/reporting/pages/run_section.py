"""The section on what was run."""

from __future__ import annotations

from collections.abc import Sequence

from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.page_facts import PageFacts
from concord3d.reporting.evidence.report_inputs import ReportInputs


def run_lines(results: Results, inputs: ReportInputs, facts: PageFacts) -> list[str]:
    """Return the section: experiments, data, seeds, and what has no result."""
    evaluated = {evaluation.job.experiment for evaluation in results.evaluations}
    done = [run for experiment, run in inputs.runs.items() if experiment in evaluated]
    runs = [run for run in done if run.get("pretrain")]
    # What others start from is trained too.
    trainings = [run for run in inputs.runs.values() if run.get("pretrain")]
    sources = sorted({f"{run['pretrain']['dataset']} ({run['pretrain']['data_kind']})" for run in trainings})
    encoders = sorted({str(run.get("encoder", {}).get("name")) for run in done})
    epochs = sorted({int(run["training"]["epochs"]) for run in runs if run.get("training", {}).get("epochs")})
    seeds_of = {name: {e.job.seed for e in results.evaluations if e.job.experiment == name} for name in inputs.runs}
    trained_seeds = sorted({seed for name in inputs.trained for seed in seeds_of[name]})
    seeds = sorted({evaluation.job.seed for evaluation in results.evaluations})
    tested = sorted({f"{e.job.dataset} ({e.data_kind})" for e in results.evaluations})
    lines = ["## What was run", ""]
    if runs:
        length = f", {_range(epochs)} epochs" if epochs else ""
        trained = f"encoder {', '.join(encoders)}; trained on {', '.join(sources)}{length}"
        asked = {job.experiment for job in inputs.expected_jobs}
        starts = len(inputs.runs) - len(asked | evaluated)
        more = f" (and {starts} that these start from)" if starts > 0 else ""
        lines.append(f"- {len(done)} of {len(asked | evaluated)} evaluated experiments{more}; {trained}.")
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
            "- **Two seeds**: how much trainings differ is estimated from all experiments together "
            "([docs/STATISTICS.md](../../../docs/STATISTICS.md))."
        )
    if results.missing:
        lines.append(f"- **{len(results.missing)} evaluations asked for have no result**; the ledger lists them.")
    return [*lines, *_measured_earlier(inputs, facts), ""]


def _measured_earlier(inputs: ReportInputs, facts: PageFacts) -> list[str]:
    """Return how a report that is made from results differs from one that is made from artifacts."""
    if not inputs.from_results:
        return []
    how = "--add`), and from trainings added to them." if inputs.add else "--from-results`), not from the trainings."
    other = ", but for those of added trainings alone" if inputs.add else ""
    lines = [
        f"- This report was made from the numbers in this folder (`concord3d report {how} Figures that show examples "
        f"(t-SNE maps, pictures) are those of the report before it{other}."
    ]
    left_out, kept = (sum(rows.num_rows for rows in group) for group in (facts.left_out, facts.kept))
    if left_out:
        lines.append(
            f"- **{left_out} rows of that report are left out**: the settings of their trainings or what is measured "
            "has changed. The ledger says of which trainings, and why."
        )
    if kept:
        lines.append(f"- {kept} rows are kept with a remark, which stands in the ledger.")
    return lines


def _seeds_in_words(trained: Sequence[int], every: Sequence[int]) -> str:
    """Return the seeds; those of untrained experiments apart where they are more."""
    words = ", ".join(str(seed) for seed in trained or every) or "none"
    more = trained and set(every) > set(trained)
    return f"{words}; of untrained experiments {', '.join(str(seed) for seed in every)}" if more else words


def _range(values: Sequence[int]) -> str:
    """Return the least and the most of sorted numbers."""
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
