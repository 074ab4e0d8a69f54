"""Parts of documents that are written from the sources, which ``python -m tests.test_documents`` writes anew.

Each stands between ``<!-- <name> -->`` and ``<!-- end of <name> -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from tests import cost_tables, tower_tables

from concord3d.cli import app
from concord3d.reporting.markdown import Markdown, code, grid, prose

# Options of most commands, which the document explains once, by what they say of themselves.
COMMON = ("The repository.", "smoke, demo, small or paper; default: params.yaml.")


def up_to_date(text: str, parts: Mapping[str, Callable[[Path], str]], root: Path) -> str:
    """Return a document with its generated parts as the sources have them.

    Args:
        text: The document.
        parts: What writes each part, by the name in its marks.
        root: The repository.
    """
    for name, written in parts.items():
        text = with_part(text, name, written(root))
    return text


def with_part(text: str, name: str, part: str) -> str:
    """Return a document with one of its generated parts replaced.

    Args:
        text: The document.
        name: What its marks call the part.
        part: Markdown.

    Raises:
        ValueError: The document has no such marks.
    """
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.S)
    if not marks.search(text):
        raise ValueError(f"no marks of '{name}'")
    return marks.sub(lambda match: f"{match[1]}\n{part}\n\n{match[2]}", text)


def command_tables(_: Path) -> str:
    """Return what ``concord3d`` offers: its commands, then the arguments and options of each."""
    group: Any = typer.main.get_command(app)
    offered, settings = [], []
    for name, command in group.commands.items():
        kinds = get_type_hints(command.callback)
        own = [each for each in command.params if each.help not in COMMON and each.name != "help"]
        required = [_typed(each) for each in own if each.required]
        offered.append([code(" ".join(["concord3d", name, *required])), prose(command.help)])
        settings += [[code(name), code(_typed(each)), _default(each), _said(each, kinds[each.name])] for each in own]
    tables = (grid(["command", "what it does"], offered), grid(["of", "argument or option", "default", ""], settings))
    return "\n\n".join("\n".join(table) for table in tables)


def _typed(parameter: Any) -> str:
    """Return a parameter as it is typed: a flag alone, an option with what it takes, an argument in capitals."""
    if not parameter.opts[0].startswith("-"):
        return f"{parameter.name.upper()}{' ...' if parameter.nargs == -1 else ''}"
    return str(parameter.opts[0]) if parameter.is_flag else f"{parameter.opts[0]} {parameter.name.upper()}"


def _said(parameter: Any, kind: Any) -> Markdown:
    choices = f" One of {', '.join(get_args(kind))}." if get_origin(kind) is Literal else ""
    return prose(f"{parameter.help}{choices}")


def _default(parameter: Any) -> Markdown:
    if parameter.required:
        return Markdown("required")
    if parameter.default is None or parameter.default is False:
        return Markdown("-")
    return code(str(parameter.default))


# What writes the parts of each document, by their names.
GENERATED: Mapping[str, Mapping[str, Callable[[Path], str]]] = {
    "README.md": {"costs at small": cost_tables.small},
    "docs/COMMANDS.md": {"commands": command_tables},
    "docs/TOWERS.md": {
        "tower uses": tower_tables.uses,
        "tower configurations": tower_tables.configurations,
        "tower encoders": tower_tables.pretrained_encoders,
        "tower gates": tower_tables.gates,
        "towers without a gate": tower_tables.without_gate,
    },
}
