"""Which commit a folder belongs to: a checkout, an archive, and either of them inside of another repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from concord3d.provenance.checkout import ARCHIVAL, UNKNOWN, git_state, is_checkout


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, repository: Path) -> Path:
    """A repository that archives are made of as of this one."""
    folder = tmp_path / "checkout with space"
    (folder / "results").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "file").write_text("one")
    (folder / "results" / "page").write_text("one")
    for name in (ARCHIVAL.name, ".gitattributes"):
        (folder / name).write_bytes((repository / name).read_bytes())
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def archive_of(checkout: Path, target: Path) -> Path:
    """What somebody gets who downloads an archive and unpacks it."""
    target.mkdir(parents=True)
    packed = target.parent / "packed.tar"
    git(checkout, "archive", "-o", str(packed), "HEAD")
    subprocess.run(["tar", "xf", str(packed), "-C", str(target)], check=True)
    return target


def test_commit_and_dirty_flag(checkout: Path) -> None:
    commit, dirty = git_state(checkout)
    assert len(str(commit)) == 40 and dirty is False
    (checkout / "scratch").write_text("not tracked")
    assert git_state(checkout) == (commit, False)
    (checkout / "results" / "page").write_text("two")
    assert git_state(checkout) == (commit, False), "results are written by runs"
    (checkout / "file").write_text("two")
    assert git_state(checkout) == (commit, True)


def test_a_second_worktree_is_a_checkout(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "-q", str(tmp_path / "second"))
    assert git_state(tmp_path / "second") == git_state(checkout)


def test_an_archive_carries_its_commit_wherever_it_is_unpacked(checkout: Path, tmp_path: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert git_state(archive_of(checkout, tmp_path / "downloads" / "archive")) == (commit, UNKNOWN)
    outer = tmp_path / "outer"
    inner = archive_of(checkout, outer / "vendor" / "archive")
    git(outer, "init", "-q")
    git(outer, "commit", "-q", "--allow-empty", "-m", "another project")
    assert not is_checkout(inner) and git_state(inner) == (commit, UNKNOWN)
    git(outer, "add", "-A")
    git(outer, "commit", "-q", "-m", "vendored")
    assert git_state(inner) == (commit, UNKNOWN), "also where the other project keeps these files"


def test_a_copy_without_git_and_without_a_commit_says_so(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / ARCHIVAL).write_bytes((checkout / ARCHIVAL).read_bytes())
    assert git_state(copy) == (UNKNOWN, UNKNOWN), "git has not put a commit in"
    assert git_state(tmp_path / "nowhere") == (UNKNOWN, UNKNOWN)


def test_a_repository_named_by_the_environment_is_not_asked(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = archive_of(checkout, tmp_path / "archive")
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "another project")
    commit = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert git_state(inner) == (commit, UNKNOWN)
    assert git_state(checkout) == (commit, False)


def test_without_git_the_commit_is_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(checkout) == (UNKNOWN, UNKNOWN)
