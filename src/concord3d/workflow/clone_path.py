"""Where a clone may lie, and how a shell calls an interpreter there.

``envs/setup.sh`` runs this module before anything is installed, so it imports nothing that has to be.
"""

from __future__ import annotations

import sys
from pathlib import Path

from concord3d.errors import ConcordError, ConfigError

# Blanks, quotation marks, brackets and letters of any language work (tests/workflow/test_clone_path.py).
_REFUSED = {
    "{": "setuptools takes what stands in braces for a variable",
    "}": "setuptools takes what stands in braces for a variable",
    "$": "setuptools and the shell take it for the beginning of a variable",
    '"': "the script that activates the environment cannot quote it",
    "`": "the script that activates the environment cannot quote it",
    "\\": "the first line of installed programs cannot quote it",
    ":": "it separates the folders of PATH",
}
_MOVE = "move the folder to a path without this character, remove its .venv and run the same command again"


def require_usable_path(clone: Path) -> None:
    """Refuse a folder in which the installation or a job would fail later.

    Args:
        clone: The folder of the project.

    Raises:
        ConfigError: A part of its path holds a character that one of the programs cannot cope with.
    """
    path = str(clone.resolve())
    for character in path:
        reason = _REFUSED.get(character)
        if "\udc80" <= character <= "\udcff":
            reason = "it is no UTF-8"
        elif (not character.isprintable() and not character.isspace()) or character in "\n\r\v\f":
            reason = "it is a control character"
        if reason:
            raise ConfigError(
                "The project does not work in a folder with this name",
                where=ascii(path),
                expected="a path without any of " + " ".join(sorted(_REFUSED)) + " and control characters, in UTF-8",
                found=f"{character!a}: {reason}",
                next_step=_MOVE,
            )


if __name__ == "__main__":
    try:
        require_usable_path(Path(sys.argv[1]))
    except ConcordError as error:
        sys.exit(f"{type(error).__name__}: {error}")
