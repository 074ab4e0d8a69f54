"""Concord3D: tables, figures and verdicts on the claims of papers, from one graph.

`snakemake --cores all` makes everything that params.yaml asks for, below results/<scale>/<paper>/.
"""

from snakemake.utils import min_version

min_version("9.0")


configfile: "params.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/render.smk"
include: "rules/towers.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/examples.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        [result_files(paper) for paper in PARAMS.papers],
        cross_files(),


onsuccess:
    print(f"Done. Read {', '.join(str(RESULTS / p / 'README.md') for p in PARAMS.papers)}")


onerror:
    print("Failed. The message above names the log; correct the cause and run the same command again.")
