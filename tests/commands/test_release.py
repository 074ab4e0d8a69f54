"""A release is the commit and nothing else, and its metadata say what the citation says."""

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from concord3d.commands.release import CHECKSUMS, ZENODO, make_release, zenodo_text
from concord3d.errors import ConfigError


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    root.mkdir()
    for name in ("CITATION.cff", "LICENSE", ".gitignore"):
        (root / name).write_text((repository / name).read_text())
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_the_archive_holds_the_commit_and_the_checksums_are_of_its_bytes(clone: Path, tmp_path: Path) -> None:
    (clone / "logs").mkdir()
    (clone / "logs/ignored.log").write_text("not part of the commit")
    files = make_release(clone, tmp_path / "out", "appendix")
    archive = tmp_path / "out/concord3d-0.1.0.tar.gz"
    with tarfile.open(archive) as content:
        names = {name for name in content.getnames() if not content.getmember(name).isdir()}
    assert names == {f"concord3d-0.1.0/{name}" for name in ("CITATION.cff", "LICENSE", ".gitignore")}
    listed = dict(line.split("  ")[::-1] for line in (tmp_path / "out" / CHECKSUMS).read_text().splitlines())
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files[:-1]}
    again = make_release(clone, tmp_path / "again", "appendix")
    assert again[0].read_bytes() == archive.read_bytes(), "the same commit gives the same bytes"


def test_what_is_not_committed_is_refused(clone: Path, tmp_path: Path) -> None:
    (clone / "LICENSE").write_text("changed")
    with pytest.raises(ConfigError, match="no commit holds"):
        make_release(clone, tmp_path / "out", "appendix")


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="git"):
        make_release(tmp_path, tmp_path / "out", "appendix")


def test_zenodo_is_told_what_the_citation_says(repository: Path) -> None:
    text = (repository / ZENODO).read_text()
    assert text == zenodo_text(repository), "write .zenodo.json anew from CITATION.cff"
    told = json.loads(text)
    assert len(told["references"]) == 5 and told["license"] == "MIT"
