"""``concord3d release``: the archive of a commit, what archives of research data ask of it, and checksums of all.

The archive is an RO-Crate: at its root, beside the files of the commit, lies a description of workflow and results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord3d.commands.research_crate import CITATION, CRATE, crate_text
from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConfigError
from concord3d.files import sha256_file, write_text
from concord3d.provenance.checkout import git, is_checkout

ZENODO = Path(".zenodo.json")
CHECKSUMS = "SHA256SUMS"
APPENDIX = "ARTIFACT_APPENDIX.md"


def zenodo_metadata(citation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Zenodo takes from ``.zenodo.json`` when a release is archived there.

    Args:
        citation: Content of ``CITATION.cff``.
    """
    papers = [_reference(paper) for paper in citation["references"]]
    return {
        "title": citation["title"],
        "upload_type": "software",
        "description": f"{citation['abstract']} The papers: {'; '.join(papers)}.",
        "creators": [{"name": author["name"]} for author in citation["authors"]],
        "version": citation["version"],
        "publication_date": str(citation["date-released"]),
        "license": citation["license"],
        "access_right": "open",
        "keywords": list(citation["keywords"]),
        "references": papers,
    }


def _reference(paper: Mapping[str, Any]) -> str:
    names = ", ".join(f"{author['given-names']} {author['family-names']}" for author in paper["authors"])
    place = paper.get("collection-title") or paper["journal"]
    return f"{names}: {paper['title'].rstrip('?.')}, {place} {paper['year']}"


def zenodo_text(root: Path) -> str:
    """Return ``.zenodo.json`` as ``CITATION.cff`` has it.

    Args:
        root: The repository.
    """
    return json.dumps(zenodo_metadata(load_yaml(root / CITATION)), indent=2, ensure_ascii=False) + "\n"


def make_release(root: Path, out: Path, appendix: str) -> list[Path]:
    """Write the archive of the present commit, its metadata and their checksums.

    Args:
        root: The repository; what is not committed is refused, for no archive would hold it.
        out: Folder for the files.
        appendix: See :func:`concord3d.commands.artifact_appendix.artifact_appendix`.

    Returns:
        The files.

    Raises:
        ConfigError: The working tree differs from its commit, or is none.
        DependencyMissing: The library that writes RO-Crates is not installed.
    """
    changed = _git(root, "status", "--porcelain")
    if changed:
        raise ConfigError(
            "The working tree has changes that no commit holds",
            where=root,
            found=changed.splitlines()[0],
            next_step="git add -A && git commit, then: concord3d release",
        )
    version = load_yaml(root / CITATION)["version"]
    name = f"concord3d-{version}"
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"{name}.tar.gz"
    crate = out / CRATE
    write_text(crate, crate_text(root, _git(root, "ls-files", "-z", "--", "results").split("\0")[:-1]))
    whole = [f"--prefix={name}/", f"--add-file={crate.resolve()}", f"--output={archive.resolve()}"]
    _git(root, "archive", "--format=tar.gz", *whole, "HEAD")
    metadata = out / "zenodo.json"
    write_text(metadata, zenodo_text(root))
    write_text(out / APPENDIX, appendix)
    files = [archive, crate, metadata, out / APPENDIX]
    write_text(out / CHECKSUMS, "".join(f"{sha256_file(path)}  {path.name}\n" for path in files))
    return [*files, out / CHECKSUMS]


def _git(root: Path, *arguments: str) -> str:
    # An archive that lies in another repository is no clone: git would speak of that one.
    completed = git(root, *arguments) if is_checkout(root) else None
    if completed is None or completed.returncode:
        raise ConfigError(
            f"'git {' '.join(arguments)}' failed",
            where=root,
            expected="a git clone with a commit",
            found="no clone" if completed is None else completed.stderr.strip(),
        )
    return completed.stdout
