"""What a run has cost is read from its logs, printed, and kept for the estimates of the next."""

import shutil
from pathlib import Path

import pytest

from concord3d.commands.costs import mean_costs, measured_costs, show_costs
from concord3d.commands.nodes import plan_of
from concord3d.errors import ReportingError
from concord3d.layout import COSTS
from concord3d.workflow.costs import START, kind_of, read_costs, whole_cost, write_costs

PARTS = ("config", "papers", "datasets", "params.yaml", "src", "workflow_scripts")
TRAINING = "artifacts/smoke/records/papers/mm_point/train/mm_point__s{}.json"


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    """A clone with the logs of two jobs at smoke and of one at another scale."""
    for part in ("config", "papers", "datasets"):
        shutil.copytree(repository / part, tmp_path / part, ignore=shutil.ignore_patterns("costs"))
    shutil.copy(repository / "params.yaml", tmp_path)
    for name, seconds in (("one", 4.0), ("two", 6.0)):
        log = tmp_path / "logs/train" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        record = TRAINING.format(1 if name == "one" else 2)
        log.write_text(f"{START}: 1.50 CPU-seconds\nepoch 1: 9.00 CPU-seconds\n{record}: {seconds:.2f} CPU-seconds\n")
    other = tmp_path / "logs/train/other.log"
    other.write_text(f"{START}: 99.00 CPU-seconds\n{TRAINING.format(1).replace('smoke', 'demo')}: 99.00 CPU-seconds\n")
    (tmp_path / "config/scales/smoke.yaml").write_text(
        (tmp_path / "config/scales/smoke.yaml").read_text().replace("seeds: [1]", "seeds: [1, 2]")
    )
    return tmp_path


def test_seeds_of_one_kind_are_averaged_and_other_scales_passed_over(clone: Path) -> None:
    costs = measured_costs(plan_of(clone, "smoke"))
    assert costs == {f"mm_point/train/mm_point__s{seed}": [value] for seed, value in ((1, 4.0), (2, 6.0))} | {
        START: [1.5, 1.5]
    }
    assert mean_costs(costs) == {"mm_point/train/mm_point": 5.0, START: 1.5}


def test_what_is_recorded_is_read_again_and_the_rest_is_kept(clone: Path, capsys: pytest.CaptureFixture) -> None:
    write_costs(clone, "smoke", {"views/other": 2.0, START: 7.0})
    show_costs(clone, "smoke", record=True)
    assert read_costs(clone, "smoke") == {"views/other": 2.0, "mm_point/train/mm_point": 5.0, START: 1.5}
    assert "| mm_point | train/mm_point | 2 | 10.0 |" in capsys.readouterr().out


def test_a_clone_without_logs_is_told_what_to_run(clone: Path) -> None:
    shutil.rmtree(clone / "logs")
    with pytest.raises(ReportingError, match="snakemake --cores all --config scale=smoke"):
        show_costs(clone, "smoke", record=False)


def test_the_whole_is_what_was_measured_and_what_was_not(clone: Path) -> None:
    plan = plan_of(clone, "smoke")
    costs = {"mm_point/train/mm_point": 5.0, START: 2.0}
    seconds, unmeasured = whole_cost(costs, plan.nodes.values(), len(plan.jobs))
    known = [key for key in plan.nodes if kind_of(key) == "mm_point/train/mm_point"]
    assert known and seconds == 5.0 * len(known) + 2.0 * len(plan.jobs)
    assert len(unmeasured) == len(plan.nodes) - len(known)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / COSTS).glob("*.csv")), ids=lambda path: path.stem)
def test_committed_costs_are_of_nodes_that_exist(repository: Path, path: Path) -> None:
    kinds = {kind_of(key) for key in plan_of(repository, path.stem).nodes} | {START}
    assert set(read_costs(repository, path.stem)) <= kinds
