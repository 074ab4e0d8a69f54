"""``make`` alone lists the verbs, and a reproduction ends with a comparison."""

import os
import re
import subprocess
from pathlib import Path

from concord3d.commands.compare import NothingToCompare


def make(repository: Path, *arguments: str, **more: str) -> str:
    # Without the variables of a make that runs the tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))} | more
    command = ["make", *arguments]
    return subprocess.run(command, cwd=repository, env=environment, text=True, capture_output=True, check=True).stdout


def test_make_alone_lists_every_verb_with_what_it_does(repository: Path) -> None:
    shown = make(repository)
    listed = dict(re.fullmatch(r"make ([\w-]+) +(\S.+)", line).groups() for line in shown.splitlines())
    verbs = re.search(r"^\.PHONY: (.+)$", (repository / "Makefile").read_text(), re.M)[1].split()
    assert list(listed) == verbs


def test_a_reproduction_ends_with_the_comparison_of_its_scale(repository: Path) -> None:
    last = make(repository, "--dry-run", "reproduce", "SCALE=small").splitlines()[-1]
    assert last == f".venv/bin/concord3d compare --scale small || [ $? -eq {NothingToCompare.exit_code} ]"


def test_packages_of_others_do_not_reach_a_verb(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "concord3d").mkdir()
    (tmp_path / "concord3d" / "__init__.py").write_text("")
    shown = ["--eval", "shown: ; @printenv PYTHONPATH PYTHONHOME KEPT || true", "shown"]
    assert make(repository, *shown, PYTHONPATH=str(tmp_path), PYTHONHOME=str(tmp_path), KEPT="kept") == "kept\n"
