"""Every command line that a document shows is one that the programs understand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.test_documents import documents

from concord3d.cli import app
from concord3d.config.resolve import load_params
from concord3d.config.strict_yaml import load_yaml

# Between them stand several commands on one line.
_JOINTS = {"&&", "||", ";", "|"}
# Of what typer calls a bad parameter, and of unknown commands and options.
_USAGE_ERROR = typer.BadParameter.__base__


def shown_commands(text: str) -> Iterator[list[str]]:
    """Words of each command in the shell blocks of a document, without comments and variables set for it."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), ";"]:
                if word not in _JOINTS:
                    words.append(word)
                    continue
                while words and re.fullmatch(r"[A-Z0-9_]+=.*", words[0]):
                    words.pop(0)
                if words:
                    yield words
                words = []


def require_concord3d(words: list[str]) -> None:
    """Raise what the command line raises for an unknown command, an unknown option, or an argument too few."""
    group: Any = typer.main.get_command(app)
    name, command, rest = group.resolve_command(group.context_class(group), words)
    context = group.context_class(command, info_name=name)
    values, left, _ = command.make_parser(context).parse_args(rest)
    absent = [each.name for each in command.params if each.required and not values.get(each.name or "")]
    assert not left and not absent, (words, left, absent)


def test_commands_of_the_documents_are_understood(repository: Path) -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (repository / "Makefile").read_text(), re.M))
    seen = set()
    for document in documents(repository):
        for program, *words in shown_commands(document.read_text()):
            seen.add(program)
            if program == "concord3d":
                require_concord3d(words)
            elif program == "make":
                assert {word for word in words if "=" not in word} <= verbs, (document.name, words)
            elif program == "snakemake" and "--config" in words:
                given = [word.partition("=") for word in words[words.index("--config") + 1 :] if "=" in word]
                own = load_yaml(repository / "params.yaml")
                load_params({**own, **{key: yaml.safe_load(value) for key, _, value in given}})
                for option in ("--workflow-profile", "--profile"):
                    assert option not in words or (repository / words[words.index(option) + 1]).is_dir(), words
    assert {"concord3d", "make", "snakemake"} <= seen


@pytest.mark.parametrize("line", ["estimat", "estimate --scales demo", "new-paper", "status now"])
def test_what_is_not_understood_is_found(line: str) -> None:
    with pytest.raises((_USAGE_ERROR, AssertionError)):
        require_concord3d(line.split())


def test_comments_variables_and_several_commands_on_a_line() -> None:
    block = "```sh\nA=b make cluster && concord3d query --sentence 'a # b'  # c\nls | wc\n```"
    found = [["make", "cluster"], ["concord3d", "query", "--sentence", "a # b"], ["ls"], ["wc"]]
    assert list(shown_commands(f"Say:\n{block}\n```python\nmake()\n```\n")) == found
