"""``make`` alone lists the verbs."""

import os
import re
import subprocess
from pathlib import Path


def test_make_alone_lists_every_verb_with_what_it_does(repository: Path) -> None:
    # Without the variables of a make that runs the tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    shown = subprocess.run(["make"], cwd=repository, env=environment, text=True, capture_output=True, check=True).stdout
    listed = dict(re.fullmatch(r"make ([\w-]+) +(\S.+)", line).groups() for line in shown.splitlines())
    verbs = re.search(r"^\.PHONY: (.+)$", (repository / "Makefile").read_text(), re.M)[1].split()
    assert list(listed) == verbs
