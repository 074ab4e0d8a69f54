"""``concord3d compare``: results beside those of a revision, of a folder, or those that came with an archive."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from concord3d.commands.workflow import params_of
from concord3d.errors import ConfigError, ReportingError, UnreadableFile
from concord3d.layout import REFERENCE, Layout
from concord3d.provenance.checkout import git, is_kept_by_git
from concord3d.reporting.reruns.comparing import compare
from concord3d.reporting.reruns.pages import RerunReport, as_json, as_markdown
from concord3d.reporting.reruns.reported import read_reported
from concord3d.reporting.specs.output_files import COMPARED, METRICS
from concord3d.workflow.reference import made_here

Format = Literal["md", "json"]
DIFFERS = 3


class NothingToCompare(ReportingError):
    """There are no results here, or none in the reference, or the same files are both."""

    exit_code = 4


class Results(Protocol):
    """Results of all scales, wherever they lie."""

    @property
    def name(self) -> str:
        """Where they lie, in words."""

    def papers(self, scale: str) -> list[str]:
        """Return the papers that have results at a scale."""

    def texts(self, scale: str, paper: str) -> dict[str, str]:
        """Return what the compared files of a paper hold, by name; an absent file has no entry."""


@dataclass(frozen=True)
class FolderResults:
    """Results in a folder.

    Attributes:
        name: Where they lie, in words.
        folder: A clone, its ``results``, one scale of these, or the folder of reference copies.
    """

    name: str
    folder: Path

    def _of(self, scale: str) -> Path:
        places = (self.folder / Layout(scale).results, self.folder / scale, self.folder)
        return next((place for place in places if any(place.glob(f"*/{METRICS}"))), self.folder)

    def papers(self, scale: str) -> list[str]:
        """Return the papers that have results at a scale."""
        return sorted(path.parent.name for path in self._of(scale).glob(f"*/{METRICS}"))

    def texts(self, scale: str, paper: str) -> dict[str, str]:
        """Return what the compared files of a paper hold, by name; an absent file has no entry."""
        paths = [self._of(scale) / paper / name for name in COMPARED]
        try:
            return {path.name: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableFile("Cannot read results", where=paths[0].parent, found=error) from error


@dataclass(frozen=True)
class GitResults:
    """Results of a revision.

    Attributes:
        root: The repository.
        revision: Any name that git knows a commit by.
        commit: Its short hash.
    """

    root: Path
    revision: str
    commit: str

    @property
    def name(self) -> str:
        """Where they lie, in words."""
        return f"those of {self.revision}" + f" ({self.commit})" * (self.commit != self.revision)

    def papers(self, scale: str) -> list[str]:
        """Return the papers that have results at a scale."""
        folder = Layout(scale).results
        # Paths with ./ are relative to the repository, which may be a folder of a larger one.
        paths = [Path(line) for line in self._git("ls-tree", "-r", "--name-only", self.commit, f"./{folder}/")]
        return sorted(path.parent.name for path in paths if path.name == METRICS and path.parent.parent == folder)

    def texts(self, scale: str, paper: str) -> dict[str, str]:
        """Return what the compared files of a paper hold, by name; an absent file has no entry."""
        folder = Layout(scale).results / paper
        shown = {name: git(self.root, "show", f"{self.commit}:./{folder / name}") for name in COMPARED}
        return {name: made.stdout for name, made in shown.items() if made is not None and made.returncode == 0}

    def _git(self, *arguments: str) -> list[str]:
        made = git(self.root, *arguments)
        return made.stdout.splitlines() if made is not None and made.returncode == 0 else []


def reference_of(root: Path, to: str | None) -> Results:
    """Return the results that those of a folder are compared with.

    Args:
        root: The repository.
        to: A folder, or a revision; None takes HEAD, or without git the copy that the first run kept.

    Raises:
        ConfigError: Git knows no such revision.
        NothingToCompare: There is neither git nor a copy.
    """
    if to and Path(to).is_dir():
        return FolderResults(f"those in {to}", Path(to))
    if is_kept_by_git(root):
        return _revision(root, "HEAD" if to is None else to)
    if to is not None:
        raise ConfigError(
            f"'{to}' is neither a folder nor, without git, a revision",
            where="--to",
            expected="a folder with results",
            next_step="name the folder of an unpacked archive, or work in a clone",
        )
    if not (root / REFERENCE).is_dir():
        raise NothingToCompare(
            "There is neither git nor a copy of the results that came with this folder",
            where=root.resolve(),
            expected=f"a clone, or {REFERENCE}/, which the first run in an unpacked archive writes",
            next_step="unpack the archive once more elsewhere and name that folder with --to",
        )
    return FolderResults("those that came with this folder", root / REFERENCE)


def _revision(root: Path, revision: str) -> GitResults:
    made = git(root, "rev-parse", "--verify", "--short", "--end-of-options", f"{revision}^{{commit}}")
    if made is None or made.returncode:
        raise ConfigError(
            f"Git knows no revision '{revision}', and there is no such folder",
            where="--to",
            expected="a commit, branch or tag, or a folder with results",
            found=None if made is None else made.stderr.strip(),
            next_step="git log --oneline -- results",
        )
    return GitResults(root, revision, made.stdout.strip())


def compare_results(root: Path, scale: str | None, to: str | None, form: Format) -> int:
    """Print how the results that are there compare with a reference.

    Args:
        root: The repository.
        scale: Replaces the scale of ``params.yaml``.
        to: See :func:`reference_of`.
        form: Markdown or JSON.

    Returns:
        0 where every number is identical or what differs is what chance gives and no verdict changed; 3 otherwise.

    Raises:
        ConfigError: The scale or the revision is unknown.
        NothingToCompare: See :class:`NothingToCompare`.
        ReportingError: Results have other columns, or are of another scale.
        UnreadableFile: A file is damaged.
    """
    asked = params_of(root, scale).scale
    report = rerun_report(root, asked, FolderResults("here", root / Layout(asked).results), reference_of(root, to))
    print(as_markdown(report) if form == "md" else json.dumps(as_json(report), indent=1, ensure_ascii=False))
    return 0 if report.agrees else DIFFERS


def rerun_report(root: Path, scale: str, here: Results, reference: Results) -> RerunReport:
    """Compare every paper that both have.

    Args:
        root: The repository, whose records say which results were made in it.
        scale: The scale.
        here: The results that are there.
        reference: Those that they are compared with.

    Raises:
        NothingToCompare: No paper can be compared.
    """
    mine, theirs = here.papers(scale), reference.papers(scale)
    _require(mine, "There are no results here", root / Layout(scale).results, f"make reproduce SCALE={scale}")
    _require(theirs, f"There are no results of scale '{scale}' in the reference", reference.name, "name another: --to")
    compared, left_out = {}, {}
    for paper in sorted({*mine, *theirs}):
        old, new = (results.texts(scale, paper) for results in (reference, here))
        if paper not in mine or paper not in theirs:
            left_out[paper] = f"only {'the reference' if paper in theirs else 'this folder'} has results"
        elif old == new and not made_here(root, scale, paper):
            left_out[paper] = "its results were not made here, they are those of the reference"
        else:
            sides = ((old, reference.name), (new, str(root / Layout(scale).results)))
            compared[paper] = compare(*(read_reported(texts, f"{of}, {paper}", scale) for texts, of in sides))
    if not compared:
        raise NothingToCompare(
            "No paper can be compared",
            where=root / Layout(scale).results,
            found=_listed(left_out),
            next_step=f"make reproduce SCALE={scale}",
        )
    return RerunReport(scale, reference.name, compared, left_out)


def _require(papers: Iterable[str], what: str, where: object, next_step: str) -> None:
    if not papers:
        raise NothingToCompare(what, where=where, expected=f"<paper>/{METRICS}", found="none", next_step=next_step)


def _listed(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{paper}: {why}" for paper, why in reasons.items())
