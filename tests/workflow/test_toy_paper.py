"""A paper with a new method, a new kind of data and a new protocol: files alone, from its data to its page.

``toy_paper/`` holds it: an encoder of strings of beads, of which each has another number of points, and a teacher that
follows it. It is added to a copy of the repository by the files that docs/ADDING_A_PAPER.md lists, and run.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.workflow.clones import call, copy_tree, tracked_files
from tests.workflow.graphs import ask_for, edit

pytestmark = pytest.mark.workflow

TOY = Path(__file__).with_name("toy_paper")
COMMAND = ("--cores", "2", "--config", "scale=smoke", "papers=[beads]")


@pytest.fixture(scope="module")
def added(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the paper."""
    folder = copy_tree(repository, tmp_path_factory.mktemp("a paper") / "copy")
    begun = call(folder, "concord3d", "new-paper", "beads")
    assert begun.returncode == 0, begun.stderr
    for part in ("src", "papers"):
        shutil.copytree(TOY / part, folder / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    catalogue = folder / "datasets/datasets.yaml"
    catalogue.write_text(catalogue.read_text() + (TOY / "datasets_entry.yaml").read_text())
    ask_for(folder, "beads")
    return folder


@pytest.fixture(scope="module")
def run(added: Path) -> Path:
    """The same, in which the paper has run."""
    completed = call(added, "snakemake", *COMMAND)
    assert completed.returncode == 0, completed.stdout[-2000:] + completed.stderr[-5000:]
    return added


def changed_files(folder: Path) -> list[str]:
    listing = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=folder,
        text=True,
        capture_output=True,
        check=True,
    )
    return [line[3:] for line in listing.stdout.splitlines()]


def listed(repository: Path) -> list[re.Pattern[str]]:
    """The files that the document lists, as patterns: a word in angle brackets stands for a name."""
    document = (repository / "docs/ADDING_A_PAPER.md").read_text()
    rows = [line for line in document.splitlines() if line.startswith("|")]
    paths = {path for row in rows for path in re.findall(r"`([\w<>./{},-]+/[\w<>./{},-]+|params.yaml)`", row)}
    alternatives = [re.sub(r"<\w+>", "NAME", path) for path in paths]
    return [
        re.compile(
            re.sub(r"\\\{(.*?)\\\}", lambda m: f"(?:{m[1].replace(',', '|')})", re.escape(path)).replace("NAME", r"\w+")
        )
        for path in alternatives
    ]


def test_the_document_lists_every_file_that_the_paper_needs(repository: Path, added: Path) -> None:
    patterns = listed(repository)
    files = changed_files(added)
    assert len(files) > 12
    strangers = [name for name in files if not any(pattern.fullmatch(name) for pattern in patterns)]
    assert not strangers


def test_the_paper_runs_from_its_data_to_its_page(run: Path) -> None:
    page = (run / "results/smoke/beads/README.md").read_text()
    assert "Telling Strings of Beads Apart" in page and "Centres, trained further" in page
    with (run / "results/smoke/beads/metrics.csv").open() as stream:
        rows = {(row["experiment"], row["metric"]): float(row["value"]) for row in csv.DictReader(stream)}
    assert rows["centres", "overall_accuracy"] > 80
    claims = json.loads((run / "results/smoke/beads/claims.json").read_text())
    assert [claim["id"] for claim in claims] == ["C1"]


def test_both_saved_modules_and_the_exports_of_every_epoch_are_there(run: Path) -> None:
    folder = run / "artifacts/smoke/beads/train/centres__s1"
    student, teacher = (load_file(folder / f"weights/{name}.safetensors") for name in ("encoder", "teacher"))
    assert student.keys() == teacher.keys()
    assert any(not np.array_equal(student[name], teacher[name]) for name in student), "the teacher follows slowly"
    assert {path.name for path in (folder / "snapshots").glob("[a-z]*")} == {"encoder", "teacher"}
    exports = run / "artifacts/smoke/exports/beads/centres__s1"
    epochs = sorted(path.name for path in (exports / "centres").iterdir())
    assert epochs == [f"epoch_{epoch:04d}.npz" for epoch in range(1, 9)]


def test_a_training_that_needs_another_begins_with_it(run: Path) -> None:
    record = json.loads((run / "artifacts/smoke/beads/train/further__s1/provenance.json").read_text())
    assert record["config"]["needs"]["start"]["experiment"] == "centres" and "needs_start_1" in record["inputs"]
    histories = [
        json.loads((run / f"artifacts/smoke/beads/train/{name}__s1/train.json").read_text())["history"]
        for name in ("centres", "further")
    ]
    assert histories[1][0]["cross_entropy"] < histories[0][0]["cross_entropy"]


def test_a_second_call_has_nothing_to_do_and_every_record_agrees(run: Path) -> None:
    again = call(run, "snakemake", *COMMAND, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr
    checked = call(run, "concord3d", "check", "--scale", "smoke", "--papers", "beads")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("papers/beads/paper.yaml", "method: bead_centres", "method: bead_centers", "did you mean 'bead_centres'"),
        ("papers/beads/paper.yaml", "momentum: {value: 0.9", "momentum: {value: 1.9", "objective.momentum"),
        ("papers/beads/paper.yaml", "width: {value: 16", "width: {value: 0", "encoder.width"),
        ("papers/beads/paper.yaml", "module: teacher", "module: teachr", "did you mean 'teacher'"),
        (
            "papers/beads/paper.yaml",
            "nearest_centre: {datasets: [beads]",
            "linear_svm: {datasets: [beads]",
            "stores of",
        ),
    ],
)
def test_the_plan_refuses_what_the_new_parts_do_not_know(
    added: Path, tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    folder = tmp_path / "copy"
    for name in tracked_files(added):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(added / name, folder / name)
    edit(folder / file, old, new)
    if "linear_svm" in new:
        edit(folder / "papers/beads/scales/smoke.yaml", "nearest_centre", "linear_svm")
    refused = call(folder, "snakemake", *COMMAND, "--dry-run")
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0 and told in said and f"{file}, line" in said, said[-3000:]
