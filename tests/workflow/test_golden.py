"""Losses and figures of the smoke scale are those of an earlier commit; golden_trainings.py says how to make them."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.clones import call
from tests.workflow.golden_trainings import GOLDEN, LOSSES, PAPERS, metrics_file

pytestmark = pytest.mark.workflow

# Elsewhere than where the golden values were made: other kernels round otherwise.
RELATIVE = 1e-4
RESULTS = ("value", "ci_low", "ci_high")


@pytest.fixture(scope="module")
def measured(smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The values of this working tree, in a process of their own and with a job's number of threads."""
    out = tmp_path_factory.mktemp("golden")
    command = ("-m", "tests.workflow.golden_trainings", str(smoke_run), str(out))
    completed = call(smoke_run, "python", *command, OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    assert completed.returncode == 0, completed.stderr[-5000:]
    return out


def losses_in(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / LOSSES).read_text())
    return values


def same_machine(measured: Path) -> bool:
    return bool(losses_in(measured)["machine"] == losses_in(GOLDEN)["machine"])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_no_loss_of_any_step_has_moved(measured: Path) -> None:
    found, golden = losses_in(measured)["losses"], losses_in(GOLDEN)["losses"]
    assert {name: len(steps) for name, steps in found.items()} == {name: len(steps) for name, steps in golden.items()}
    if same_machine(measured):
        assert found == golden
    for name, steps in golden.items():
        assert found[name] == pytest.approx(steps, rel=RELATIVE, abs=0), name


@pytest.mark.parametrize("paper", PAPERS)
def test_no_figure_has_moved(measured: Path, paper: str) -> None:
    found, golden = table(measured / metrics_file(paper)), table(GOLDEN / metrics_file(paper))
    if same_machine(measured):
        assert found == golden
    assert [facts(row) for row in found] == [facts(row) for row in golden]
    for new, old in zip(found, golden, strict=True):
        # An accuracy over 48 items moves by two points where one of them is rounded otherwise.
        assert within(new, old), (new, old)


def facts(row: dict[str, str]) -> dict[str, str]:
    """What a row says beside its measurement."""
    return {key: value for key, value in row.items() if key not in RESULTS}


def within(new: dict[str, str], old: dict[str, str]) -> bool:
    """Whether a value lies in the golden value's interval."""
    return float(old["ci_low"]) <= float(new["value"]) <= float(old["ci_high"])
