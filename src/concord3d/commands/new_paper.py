"""``concord3d new-paper``: the folder of a paper, with valid keys and the places where words are to be written."""

from __future__ import annotations

from pathlib import Path
from string import Template

from concord3d.config.models import plain_name
from concord3d.errors import ConfigError
from concord3d.files import write_text
from concord3d.layout import (
    PAPERS,
    PARAMS,
    RESERVED,
    paper_scale_yaml,
    paper_spec,
    paper_yaml,
    published_csv,
    report_yaml,
)
from concord3d.reporting.evidence.published_values import COLUMNS

# The skeleton runs: a supervised encoder on the world's ModelNet40. Its values are ours, and its ledger says of each
# that nobody has looked it up, until somebody writes what the paper says.
PAPER = """\
# yaml-language-server: $$schema=../../schemas/paper.json
# $paper. Every hyper-parameter says where its value comes from: abstract | paper | author_code | lineage | ours.
paper: $paper
title: "Title to be written"
authors: "authors to be written"
venue: "venue and year to be written"
method: supervised   # a module of src/concord3d/methods/

defaults:
  encoder:
    name: {value: pointnet, origin: ours, source: "placeholder, not looked up"}
  objective:
    label_smoothing: {value: 0.2, origin: ours, source: "placeholder, not looked up"}
  data:
    dataset: {value: modelnet40, origin: ours, source: "placeholder, not looked up"}
    num_points: {value: 1024, origin: ours, source: "placeholder, not looked up"}
  training:
    epochs: {value: 100, origin: ours, source: "placeholder, not looked up"}
    batch_size: {value: 32, origin: ours, source: "placeholder, not looked up"}
    optimizer: {value: adam, origin: ours, source: "placeholder, not looked up"}
    learning_rate: {value: 1.0e-3, origin: ours, source: "placeholder, not looked up"}
    weight_decay: {value: 1.0e-4, origin: ours, source: "placeholder, not looked up"}
    schedule: {value: cosine, origin: ours, source: "placeholder, not looked up"}
    drop_last: {value: true, origin: ours, source: "placeholder, not looked up"}
    precision: {value: 32-true, origin: ours, source: "full precision"}
    threads: {value: 1, origin: ours, source: "fixed, so that results do not depend on the cores of the machine"}
    num_snapshots: {value: 1, origin: ours, source: "the last checkpoint is the result"}

experiments:
  main: {label: "supervised training, a placeholder"}
  random_init: {label: "Random initialisation", method: random_init}

protocols:
  linear_svm:
    datasets: [modelnet40]
"""
REPORT = """\
# yaml-language-server: $$schema=../../schemas/report.json
# What is reported of $paper: tables, figures, claims, the audit of the published values and the ledger.
paper: $paper
headline: main_results

# Names in published.csv with our data sets, e.g. {ModelNet40: modelnet40}.
datasets: {}

tables:
  - id: main_results
    title: "Linear SVM on frozen features"
    metrics: [{protocol: linear_svm, metric: overall_accuracy, label: overall accuracy}]
    own: all

claims:
  - id: C1
    text: "Training helps: frozen features are better than those of random weights."
    whose: ours
    origin: "placeholder, to be replaced by what the paper claims"
    parts:
      - name: against random weights
        lhs: main
        rhs: random_init
        dataset: modelnet40
        protocol: linear_svm
        metric: overall_accuracy
"""
SMOKE = """\
# yaml-language-server: $$schema=../../../schemas/paper_scale.json
# Small enough for tests; its numbers mean nothing. Without a file the paper does not run at a scale.
experiments: all
set:
  data.num_points: 128
  training.epochs: 2
  training.batch_size: 16
protocols:
  linear_svm: {}
"""
SPEC = """\
# $paper: what is known of it

## 1. Task and data

## 2. Encoders

## 3. Training objective

## 4. Training

## 5. Evaluation

## 6. Published numbers

## 7. What no source states
"""


def new_paper(root: Path, name: str) -> None:
    """Write the folder of a paper.

    Args:
        root: The repository.
        name: What the paper is called in files and commands.

    Raises:
        ConfigError: The name is taken, or no name for files and targets.
    """
    _check(root, name)
    texts = {
        paper_yaml(name): PAPER,
        report_yaml(name): REPORT,
        paper_scale_yaml(name, "smoke"): SMOKE,
        paper_spec(name): SPEC,
        published_csv(name): ",".join(COLUMNS) + "\n",
    }
    for path, text in texts.items():
        write_text(root / path, Template(text).substitute(paper=name))
        print(f"Wrote {path}")
    print(f"Next: add '{name}' to 'papers' in {PARAMS}, then: snakemake -n --config scale=smoke 'papers=[{name}]'")


def _check(root: Path, name: str) -> None:
    try:
        plain_name(name)
    except ValueError as error:
        raise ConfigError(str(error), where="new-paper", expected="e.g. point_clip", found=name) from error
    if name in RESERVED:
        raise ConfigError(
            f"'{name}' names a stage or a folder of the workflow",
            where="new-paper",
            expected=f"none of {', '.join(RESERVED)}",
        )
    if (root / PAPERS / name).exists():
        raise ConfigError(
            f"There is a paper '{name}'",
            where=str(PAPERS / name),
            expected="a new name",
            found=name,
            next_step="edit it, or choose another name",
        )
