"""What made the files of this folder: a commit, where it is a checkout of its own or an archive of one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from concord3d.layout import PARAMS

UNKNOWN = "unknown"
# `git archive`, and the archives that hosts offer, put the commit in (.gitattributes: export-subst).
ARCHIVAL = Path(".git_archival.txt")
_ARCHIVED = re.compile(r"^node: ([0-9a-f]{40,64})$", re.MULTILINE)
# A hook of another repository sets these, and git would answer about that one.
_REDIRECTIONS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Run git in a folder; None where there is no git program, or it does not answer."""
    variables = {name: value for name, value in os.environ.items() if name not in _REDIRECTIONS}
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=variables,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def is_checkout(root: Path) -> bool:
    """Whether a folder is the top of a repository, and not a folder that lies somewhere in another one."""
    top = _said(root, "rev-parse", "--show-toplevel")
    return top is not None and Path(top).resolve() == root.resolve()


def is_kept_by_git(root: Path) -> bool:
    """Whether git knows these files: an archive unpacked inside of another repository does not count."""
    return _said(root, "ls-files", "--error-unmatch", str(PARAMS)) is not None


def git_state(root: Path) -> tuple[str, bool | str]:
    """Return the commit of a checkout or an archive, and whether tracked files differ from it.

    Nobody can tell whether the files of an unpacked archive were changed. Files below ``results`` do not count: they
    are what a run writes, not what it is made from.

    Args:
        root: The folder of the project.

    Returns:
        The commit and the answer, each ``unknown`` where nothing can say.
    """
    if is_checkout(root):
        commit = _said(root, "rev-parse", "HEAD")
        status = _said(root, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)results")
        if commit is not None and status is not None:
            return commit, bool(status)
        return UNKNOWN, UNKNOWN
    try:
        archived = _ARCHIVED.search((root / ARCHIVAL).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return UNKNOWN, UNKNOWN
    return (archived[1] if archived else UNKNOWN), UNKNOWN


def _said(root: Path, *arguments: str) -> str | None:
    made = git(root, *arguments)
    # Only the line's end is taken off: a folder's name may end with a blank.
    return made.stdout.rstrip("\n") if made is not None and made.returncode == 0 else None
