"""What the README shows to go on with does what it says, in a clone in which the smoke scale has run."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.own_data.shapes import write_clouds
from tests.test_documented_commands import shown_commands
from tests.workflow.clones import call

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

# How each is said here: of the smoke scale, with files that are there. `{other}` is another clone of the same run.
SAID: Mapping[str, str] = {
    # First, because a report from results is none of the run that the records tell of.
    "concord3d check": "check --scale smoke",
    "concord3d estimate --scale small": "estimate --scale smoke",
    "concord3d costs": "costs --scale smoke",
    "concord3d status": "status",
    "concord3d doctor": "doctor",
    "concord3d report --from-results": "report --from-results --scale smoke",
    "concord3d report --add": "report --add --scale smoke",
    "concord3d compare --to HEAD~3": "compare --scale smoke --to {other}",
    "concord3d query --photo kitchen.jpg": "query --photo {photo} --scale smoke",
    "concord3d evaluate FOLDER --encoder NAME --protocol zero_shot": (
        "evaluate {shapes} --encoder smoke/mm_mixing/full@s1 --protocol zero_shot --num-points 32 --out {shapes}.out"
    ),
    "concord3d new-paper point_clip": "new-paper point_clip",
}
# Words that the answer has.
ANSWER: Mapping[str, str] = {
    "estimate": "CPU-hours",
    "costs": "| mm_point |",
    "status": "modelnet40",
    "doctor": "Snakemake",
    "report": "results/smoke",
    "compare": "identical",
    "query": "scene",
    "evaluate": "top1",
    "check": "complete",
    "new-paper": "papers/point_clip",
}
# Other files test them: tests/test_makefile.py, test_smoke_dag.py and test_cluster_profiles.py.
TESTED_ELSEWHERE = {
    "make reproduce",
    "make test",
    "snakemake --cores all --config scale=small papers=[mm_point]",
    "make cluster",
    "snakemake --workflow-profile profiles/slurm --config scale=paper device=cuda",
}


@pytest.fixture(scope="module")
def clone(smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the smoke run, which these commands may change."""
    folder = tmp_path_factory.mktemp("commands") / "clone"
    shutil.copytree(smoke_run, folder, symlinks=True)
    return folder


def test_every_command_of_the_readme_is_tried_here_or_elsewhere(repository: Path) -> None:
    shown = {" ".join(words) for words in shown_commands((repository / "README.md").read_text())}
    assert shown == {*SAID, *TESTED_ELSEWHERE}


@pytest.mark.parametrize("shown", SAID)
def test_a_command_of_the_readme_does_what_it_says(shown: str, clone: Path, smoke_run: Path, tmp_path: Path) -> None:
    photo = next((clone / "data/raw").rglob("*.jpg"))
    shapes = write_clouds(tmp_path / "shapes")
    line = SAID[shown].format(other=shlex.quote(str(smoke_run)), photo=shlex.quote(str(photo)), shapes=shapes)
    command, *options = shlex.split(line)
    ended = call(clone, "concord3d", command, *options)
    # The doctor and the list of data sets end with 1 where something is missing, as most data sets are.
    assert ended.returncode == 0 or (command in ("doctor", "status") and ended.returncode == 1), ended.stderr[-3000:]
    assert "Traceback" not in ended.stderr and ANSWER[command] in ended.stdout
