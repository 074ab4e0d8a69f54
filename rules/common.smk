"""The plan of all jobs, compared with what their records say, and what rules take from it."""

import os
import sys
from pathlib import Path

# This clone's own sources, here and in the scripts' processes, whatever is installed.
SOURCES = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCES)
os.environ.update(PYTHONPATH=SOURCES)

from snakemake.exceptions import WorkflowError

from concord3d.config.places import Place
from concord3d.config.resolve import load_params
from concord3d.errors import ConcordError
from concord3d.workflow.guard import hold_run_lock, require_complete
from concord3d.workflow.layout import CATALOG, RAW, STAGES
from concord3d.workflow.plan import Plan
from concord3d.workflow.state import State

if Path().resolve() != Path(workflow.basedir).resolve():
    raise WorkflowError(
        "Run Snakemake in the repository: its artifacts and their records lie there. --directory is not supported."
    )

try:
    PARAMS = load_params(config, Place(Path(workflow.basedir), Path("params.yaml")))
    PLAN = Plan(Path(workflow.basedir), PARAMS)
    STATE = State(PLAN)
except ConcordError as error:
    raise WorkflowError(str(error))

hold_run_lock(Path())
LAYOUT = PLAN.layout
STUDIES = PLAN.studies
# Jobs that compute on tensors ask for a GPU only where one is demanded; "auto" must also run without.
GPU = 1 if PARAMS.device == "cuda" else 0


wildcard_constraints:
    paper="|".join(PLAN.loaded),
    experiment="|".join(sorted({name for study in PLAN.loaded.values() for name in study.experiments})),
    dataset="|".join(PLAN.scale.datasets),
    tower="|".join(PLAN.scale.towers) or "none",
    view_set="[a-z0-9_]+?",
    pixels=r"\d+",
    split="train|val|test",
    seed=r"\d+",


def node_of(pattern):
    """The node that a pattern stands for, once its wildcards are known."""
    return lambda wildcards: PLAN.node(pattern.format(**wildcards))


def inputs_of(pattern):
    """A node's inputs by name, and the records of the nodes that make them.

    Snakemake asks for them while it builds the graph. It decides by times and by its own memory, which a kill, a clone
    or a restored copy falsify; so a node whose record does not hold what is asked is forced here.
    """

    def inputs(wildcards):
        node = node_of(pattern)(wildcards)
        if STATE.must_be_made_again(node.key):
            workflow.dag.forcefiles.add(str(LAYOUT.record(node.key)))
        records = [str(LAYOUT.record(key)) for key in node.upstream]
        return {**{name: [str(path) for path in paths] for name, paths in node.inputs.items()}, "records": records}

    return inputs


def payload_of(pattern):
    """What a node's job needs to check its inputs and to write its record; its identity stands in it."""
    return lambda wildcards: STATE.payload(node_of(pattern)(wildcards).key)


def param_of(pattern, name):
    """What a node's script is told beside its identity."""
    return lambda wildcards: node_of(pattern)(wildcards).params[name]


def datasets_where(condition):
    """Data sets of this scale that fulfil a condition, as a wildcard pattern."""
    return "|".join(name for name in PLAN.scale.datasets if condition(name)) or "none"


def memory_with_clouds(base):
    """Megabytes that a job asks for: its own, twice its input up to 8 GiB, and a tenth, for large arrays are mapped."""
    return lambda wildcards, input: base + int(2 * min(input.size_mb, 8192) + 0.1 * input.size_mb)


def nodes_of_run():
    """Keys of the nodes that this run was asked for, with all that they are made from."""
    made = {str(path) for job in workflow.dag.jobs for path in job.output}
    return {PLAN.maker_of[path] for path in made & PLAN.maker_of.keys()}


def stage_files(stage):
    """Everything that the nodes of a stage leave, records included."""
    return [path for node in PLAN.of_stage(stage) for path in (*node.outputs, LAYOUT.record(node.key))]


def results_of(paper, part):
    """The files of one part of a paper's results."""
    return list(PLAN.node(f"{paper}/report/{part}").outputs)


# What `snakemake --report` shows of a part: a caption, by the ending of the file's name.
CAPTIONS = {
    "tables": {".csv": "table"},
    "figures": {".png": "figure"},
    "pages": {"README.md": "page", "ledger.md": "ledger"},
}


def shown(paper, part, path):
    """A result file, marked for Snakemake's report where it belongs into it."""
    caption = next((c for end, c in CAPTIONS.get(part, {}).items() if str(path).endswith(end)), None)
    if caption is None:
        return path
    return report(path, caption=f"../docs/report/{caption}.rst", category=paper, subcategory=part)
