"""Concord3D: tables, figures and verdicts on the claims of papers, from one graph.

`snakemake --cores all` makes everything that params.yaml asks for, below results/<scale>/<paper>/.
"""

from snakemake.utils import min_version

min_version("9.0")


configfile: "params.yaml"


report: "docs/report/workflow.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/render.smk"
include: "rules/train.smk"
include: "rules/encode.smk"
include: "rules/evaluate.smk"
include: "rules/examples.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        [records_of(stage) for stage in (*STAGES, *STUDIES)],
    message:
        "Everything that params.yaml asks for is in place"


onstart:
    # Again, for a look at the graph may have held it when this one was built.
    hold_run_lock(Path())
    for folder in (LAYOUT.artifacts, LAYOUT.results, LAYOUT.world, RAW_RECORDS, WORK):
        remove_orphans(folder)
    keep_what_is_current(STATE, jobs_of_run())
    keep_reference(Path(), PARAMS.scale)
    os.environ.update({AGAIN: "1"} if is_forced() else {})
    announce(expected_run())


onsuccess:
    require_complete(State(PLAN), nodes_of_run())
    logger.info(f"Done. Read {', '.join(str(LAYOUT.result(paper, 'README.md')) for paper in STUDIES)}")
