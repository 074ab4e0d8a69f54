"""The plan of all jobs, compared with what their records say, and what rules take from it."""

import os
import shlex
import sys
from pathlib import Path

# This clone's own sources, here and in the scripts' processes, whatever is installed.
SOURCES = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCES)
os.environ.update(PYTHONPATH=SOURCES)

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from concord3d.config.places import Place
from concord3d.config.resolve import load_params
from concord3d.console.expected import ExpectedRun, expected_job
from concord3d.errors import ConcordError
from concord3d.files import remove_orphans
from concord3d.layout import RAW_RECORDS, STAGES, WORK
from concord3d.workflow.batch import AGAIN
from concord3d.workflow.clone_path import require_usable_path
from concord3d.workflow.costs import read_costs
from concord3d.workflow.guard import hold_run_lock, keep_what_is_current, require_complete
from concord3d.workflow.plan import Plan
from concord3d.workflow.reference import keep_reference
from concord3d.workflow.state import State

if Path().resolve() != Path(workflow.basedir).resolve():
    raise WorkflowError(
        "Run Snakemake in the repository: its artifacts and their records lie there. --directory is not supported."
    )

try:
    require_usable_path(Path(workflow.basedir))
    PARAMS = load_params(config, Place(Path(workflow.basedir), Path("params.yaml")))
    PLAN = Plan(Path(workflow.basedir), PARAMS)
    STATE = State(PLAN)
except ConcordError as error:
    raise WorkflowError(str(error))

hold_run_lock(Path())
# Snakemake puts it before each script as it is, blanks and all.
sys.executable = shlex.quote(sys.executable)
LAYOUT = PLAN.layout
STUDIES = PLAN.studies
# Jobs that compute on tensors ask for a GPU only where one is demanded; "auto" must also run without.
GPU = 1 if PARAMS.device == "cuda" else 0


wildcard_constraints:
    paper="|".join(PLAN.loaded),
    dataset="|".join(PLAN.scale.datasets),
    view_set="[a-z0-9_]+?",
    pixels=r"\d+",
    split="train|val|test",


def read_by(job):
    """The records of the nodes that a job is made from, which stand for their files, and the data among these.

    Snakemake asks for them while it builds the graph. It decides by times and by its own memory, which a kill, a clone
    or a restored copy falsify; so a node whose record does not hold what is asked, or of which a file is gone, is
    forced here. Data are listed themselves, because the memory that a job asks for depends on their size; to list all
    files of all nodes would make the graph of the paper scale take twice the time.
    """
    for node in job.nodes:
        if STATE.must_be_made_again(node.key):
            workflow.dag.forcefiles.add(str(LAYOUT.record(node.key)))
    data = [path for path in job.inputs if PLAN.nodes[PLAN.maker_of[str(path)]].stage == "data"]
    return [*map(str, data), *(str(LAYOUT.record(key)) for key in job.upstream)]


def payloads(job):
    """What a job's script needs to know of each of its nodes; their identities stand in it."""
    return [STATE.payload(node.key) for node in job.nodes]


def job_of(pattern):
    """The job of the node that a pattern stands for, once its wildcards are known."""
    return lambda wildcards: PLAN.jobs[PLAN.node(pattern.format(**wildcards)).job]


def inputs_of(job):
    """Input function of a job, which is known at once or by a pattern."""
    return lambda wildcards: read_by(job(wildcards) if callable(job) else job)


def nodes_of(job):
    """Parameter function of a job, which is known at once or by a pattern."""
    return lambda wildcards: payloads(job(wildcards) if callable(job) else job)


def made_by(job):
    """All that a job leaves: the record of each node, and files and folders.

    Records come first: they are what other jobs ask for, and Snakemake compiles a pattern for each output that it tries.
    """
    files = [path if path.suffix else directory(path) for path in job.outputs]
    return [*(LAYOUT.record(node.key) for node in job.nodes), *files]


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


def jobs_of_run():
    """Jobs that are about to be run."""
    made = {str(path) for job in workflow.dag.needrun_jobs() for path in job.output}
    return [PLAN.jobs[name] for name in {PLAN.nodes[PLAN.maker_of[path]].job for path in made & PLAN.maker_of.keys()}]


def expected_run():
    """What this run is about to do, for the console."""
    dag = workflow.dag
    made = set() if is_forced() else {key for key, found in STATE.nodes.items() if found.status == "current"}
    # They were measured on processors, and say nothing of a GPU.
    costs = {} if PARAMS.device == "cuda" else read_costs(PLAN.root, PARAMS.scale)
    numbers = {job: dag.jobid(job) for job in dag.needrun_jobs() if job.output}
    jobs = {}
    for job, number in numbers.items():
        planned = PLAN.jobs[PLAN.nodes[PLAN.maker_of[str(job.output[0])]].job]
        needs = [numbers[other] for other in dag.dependencies[job] if other in numbers]
        cores = job.threads if workflow.local_exec else 1
        jobs[number] = expected_job(planned, made, costs, cores, needs, Path(str(job.log[0])))
    return ExpectedRun(jobs, workflow.cores if workflow.local_exec else workflow.nodes, typed_command())


def typed_command():
    """What the user has typed to start this run: make and DVC call Snakemake for them."""
    if "DVC_STAGE" in os.environ:
        return "dvc repro"
    return os.environ.get("CONCORD3D_COMMAND") or shlex.join(["snakemake", *sys.argv[1:]])


def announce(run):
    """Tell the console, and the log file, what is about to be done."""
    logger.info(f"{len(run.jobs)} jobs", extra={"expected_run": run})


def is_forced():
    """Whether Snakemake was told to make what is there anew; its reasons for a job do not reach the job's script."""
    asked = workflow.dag_settings
    return bool(asked.forceall or asked.forcerun or asked.forcetargets)


def records_of(stage):
    """The records of the nodes of a stage, which stand for everything that these leave."""
    return [LAYOUT.record(node.key) for node in PLAN.of_stage(stage)]


# What `snakemake --report` shows of a part: its heading there, and a caption by the ending of the file's name.
HEADINGS = {"tables": "tables", "figures": "figures", "html": "pages"}
CAPTIONS = {
    "tables": {".csv": "table"},
    "figures": {".png": "figure"},
    "html": {".html": "page", "_appendix.html": "appendix", "_ledger.html": "ledger"},
}


def shown(paper, job):
    """What a report's job leaves, with what belongs into Snakemake's own report marked."""
    captions = {
        str(path): (part, caption)
        for part, endings in CAPTIONS.items()
        for path in PLAN.node(f"{paper}/report/{part}").outputs
        for end, caption in endings.items()
        if str(path).endswith(end)
    }

    def marked(path):
        part, caption = captions.get(str(path), (None, None))
        if part is None:
            return path
        return report(path, caption=f"../docs/report/{caption}.rst", category=paper, subcategory=HEADINGS[part])

    return list(map(marked, made_by(job)))
