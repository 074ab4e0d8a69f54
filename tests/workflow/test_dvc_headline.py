"""DVC shows the headline of every paper from the committed results, and what a rerun has changed in it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.workflow.clones import call, copy_tree

from concord3d.config.strict_yaml import load_yaml
from concord3d.files import read_json, write_json

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose results are committed."""
    folder = copy_tree(repository, tmp_path_factory.mktemp("headline") / "clone")
    shutil.copytree(repository / "results/demo", folder / "results/demo")
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "results"], cwd=folder, check=True)
    return folder


def _papers(repository: Path) -> list[str]:
    return list(load_yaml(repository / "params.yaml")["papers"])


def test_dvc_names_the_headline_of_every_paper(repository: Path) -> None:
    stages, papers = load_yaml(repository / "dvc.yaml"), _papers(repository)
    assert stages["metrics"] == [f"results/${{scale}}/{paper}/headline.json" for paper in papers]
    assert [name for plot in stages["plots"] for name in plot] == [
        f"results/${{scale}}/{paper}/headline.csv" for paper in papers
    ]


def test_the_committed_headline_is_that_of_the_committed_claims_and_table(repository: Path) -> None:
    folders = sorted(path.parent for path in (repository / "results").glob("*/*/claims.json"))
    compared = 0
    for folder in folders:
        headline = read_json(folder / "headline.json")
        assert headline["claims"] == Counter(claim["verdict"] for claim in read_json(folder / "claims.json")), folder
        table = load_yaml(repository / "papers" / folder.name / "report.yaml")["headline"]
        with (folder / f"tables/{table}.csv").open(newline="") as lines:
            ours = [float(row["ours"]) for row in csv.DictReader(lines) if row["ours"]]
        with (folder / "headline.csv").open(newline="") as lines:
            plotted = {row["row"]: float(row["value"]) for row in csv.DictReader(lines)}
        assert plotted and all(any(abs(value - our) < 1e-4 for our in ours) for value in plotted.values()), folder
        assert all(plotted.get(name) is not None for name in headline["measured"]), folder
        compared += len(headline["measured"])
    assert len(folders) == 10 and compared > 20


def test_metrics_show_prints_every_paper(clone: Path) -> None:
    shown = call(clone, "dvc", "metrics", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    data = json.loads(shown.stdout)[""]["data"]
    assert set(data) == {f"results/demo/{paper}/headline.json" for paper in _papers(clone)}
    for path, told in data.items():
        assert told["data"] == read_json(clone / path) and told["data"]["measured"], path


def test_metrics_diff_tells_the_number_that_changed(clone: Path) -> None:
    path = clone / "results/demo/mm_point/headline.json"
    before = read_json(path)
    (name, value), *_ = before["measured"].items()
    write_json(path, {**before, "measured": {**before["measured"], name: value + 1.5}})
    try:
        changed = json.loads(call(clone, "dvc", "metrics", "diff", "--json").stdout)
    finally:
        write_json(path, before)
    assert {file: {*told} for file, told in changed.items()} == {
        "results/demo/mm_point/headline.json": {f"measured.{name}"}
    }
    assert changed["results/demo/mm_point/headline.json"][f"measured.{name}"]["diff"] == pytest.approx(1.5)


def test_plots_show_draws_the_rows_of_every_headline_table(clone: Path) -> None:
    shown = call(clone, "dvc", "plots", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    plots = json.loads(shown.stdout)["data"]
    assert set(plots) == {f"results/demo/{paper}/headline.csv" for paper in _papers(clone)}
    for path, (plot,) in plots.items():
        with (clone / path).open(newline="") as lines:
            rows = [row["row"] for row in csv.DictReader(lines)]
        assert [value["row"] for value in plot["content"]["data"]["values"]] == rows
