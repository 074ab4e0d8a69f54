"""A disk without room, folders that may not be written to, too little memory: named errors, nothing half written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.faults.full_disk import WRITERS
from tests.workflow.clones import call

from concord3d import cli
from concord3d.errors import DiskFull, NotWritable, OutOfMemory, TooManyFiles
from concord3d.files import atomic_path, remove_orphans, temporary_folder, write_second_name, write_text
from concord3d.refusals import TEMPORARY_PREFIX, named_refusal, refusals_named
from concord3d.render.shards import store_image_views
from concord3d.render.view_spec import view_spec
from concord3d.workflow.writable import require_writable

SMALL_DISK = "mount -t tmpfs -o size=1m none {folder}/full && exec {command}"


def endings(repository: Path, folder: Path, *arguments: str, within: str = "") -> dict[str, str]:
    """How every writer ends in a process of its own, which a signal may end."""
    (folder / "full").mkdir()
    environment = {**os.environ, "PYTHONPATH": f"{repository / 'src'}:{repository}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.faults.full_disk", str(folder), *arguments]
    if within:
        mounted = within.format(folder=folder, command=" ".join(command))
        command = ["unshare", "--mount", "--map-root-user", "sh", "-c", mounted]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.returncode, run.stderr[-2000:])
    ended: dict[str, str] = json.loads(run.stdout)
    return ended


def may_mount() -> bool:
    """Whether this user may mount a file system of his own."""
    command = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_every_format_names_a_full_disk(repository: Path, tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("this user may not mount a small file system")
    ended = endings(repository, tmp_path, within=SMALL_DISK)
    assert ended == dict.fromkeys(WRITERS, "DiskFull, 0 files left")


def test_every_format_names_a_limit_on_the_size_of_files(repository: Path, tmp_path: Path) -> None:
    ended = endings(repository, tmp_path, "limit")
    assert ended == dict.fromkeys(WRITERS, "DiskFull, 0 files left")


def test_pictures_take_their_room_before_they_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without, a mapped file that meets the full disk ends the process by a signal."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    spec = view_spec("frames_10", 64, "images")
    with pytest.raises(DiskFull):
        store_image_views(iter(np.zeros((2, 10, 64, 64, 3), np.uint8)), spec, tmp_path, tmp_path / "index.json")


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OSError(errno.EROFS, "x"), NotWritable),
        (PermissionError(errno.EACCES, "x"), NotWritable),
        (OSError(errno.ENAMETOOLONG, "x"), NotWritable),
        (OSError(errno.EMFILE, "x"), TooManyFiles),
        (OSError(errno.ENOMEM, "x"), OutOfMemory),
        (OSError(errno.EDQUOT, "x"), DiskFull),
        (MemoryError(), OutOfMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), OutOfMemory),
        (RuntimeError("can't start new thread"), OutOfMemory),
        (ImportError("libtorch.so: failed to map segment from shared object"), OutOfMemory),
        (OSError("Can't write (file write failed: errno = 28, error message = 'No space left on device')"), DiskFull),
        (FileNotFoundError(errno.ENOENT, "x"), None),
        (RuntimeError("another"), None),
        (KeyboardInterrupt(), None),
    ],
    ids=repr,
)
def test_what_a_machine_refuses_has_a_name(error: BaseException, named: type | None) -> None:
    assert type(named_refusal(error)) is (named or type(None))


def test_the_reason_behind_an_error_of_a_library_counts(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="page"), refusals_named(tmp_path / "page"):
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise ValueError("cannot serialise") from error


def test_errors_that_were_dealt_with_name_nothing() -> None:
    with pytest.raises(ValueError) as told:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            raise ValueError("another") from None
    assert named_refusal(told.value) is None


def test_a_refused_input_is_named_and_not_the_file_that_is_written(tmp_path: Path) -> None:
    with pytest.raises(NotWritable, match=r"input\.csv"), atomic_path(tmp_path / "page"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "input.csv"))
    with pytest.raises(NotWritable) as told, atomic_path(tmp_path / "page") as temporary:
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary))
    assert str(told.value.where) == str(tmp_path / "page")
    with pytest.raises(NotWritable) as told, temporary_folder(tmp_path / "set") as folder:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder / "train" / "a.off"))
    assert str(told.value.where) == str(tmp_path / "set")


def test_a_writer_that_removes_its_own_file_keeps_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot serialise"), atomic_path(tmp_path / "page") as temporary:
        temporary.unlink()
        raise ValueError("cannot serialise")
    assert list(tmp_path.iterdir()) == []


def test_a_command_ends_with_the_message_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "results/page.md")

    monkeypatch.setattr(cli, "app", refused)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.startswith("NotWritable: ") and "results/page.md" in said


@pytest.mark.parametrize(("error", "code"), [(OSError(errno.ENOSPC, "x"), 1), (MemoryError(), 1)], ids=repr)
def test_a_job_ends_with_the_message_and_keeps_the_traceback_in_its_log(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error, code
) -> None:
    monkeypatch.syspath_prepend(str(repository / "workflow_scripts"))
    job = __import__("job")
    with pytest.raises(SystemExit) as ended, job._logged(tmp_path / "logs" / "a.log"):
        raise error
    said = (tmp_path / "logs" / "a.log").read_text()
    # The console shows the last lines of the log.
    before, _, message = said.rpartition("\n\n")
    assert ended.value.code == code and "next: " in message and "Traceback" not in message
    assert "Traceback" in before and not capsys.readouterr().err


# Folders that may not be written to.


def test_an_unwritable_cache_is_named_before_the_workflow_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not made yet"))
    require_writable(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    with pytest.raises(NotWritable, match=r"(?s)/dev/null/cache.*export XDG_CACHE_HOME="):
        require_writable(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/proc")
    with pytest.raises(NotWritable, match=r"/proc/\.cache"):
        require_writable(tmp_path)


@pytest.mark.parametrize("source_cache", ["snakemake", "snakemake/snakemake/source-cache/snakemake-runtime-cache"])
def test_the_cache_of_another_user_is_named_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_cache: str
) -> None:
    """The folder of caches is the user's, and Snakemake's was made with other rights, as by sudo."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / source_cache).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / source_cache).symlink_to("/proc/self")
    with pytest.raises(NotWritable, match=source_cache):
        require_writable(tmp_path)


def test_a_home_that_may_not_be_looked_into_or_is_nowhere_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(place: Path) -> bool:
        if place.is_relative_to("/of/another"):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return place.is_dir()

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/of/another")
    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(NotWritable, match=r"(?s)/of/another/\.cache.*Permission denied"):
        require_writable(tmp_path)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(NotWritable, match="There is no folder for caches"):
        require_writable(tmp_path)


def nowhere() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_snakemake_itself_names_an_unwritable_cache(
    repository: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """It makes its cache before it reads the Snakefile; the logger that the profile names is asked before that."""
    (tmp_path / "Snakefile").touch()
    shutil.copytree(repository / "profiles", tmp_path / "profiles")
    environment = {"PYTHONPATH": str(repository / "src"), "XDG_CACHE_HOME": "/dev/null/cache"}
    refused = call(tmp_path, "snakemake", "--cores", "1", *arguments, **environment)
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1 and "NotWritable: A folder that the workflow needs" in said
    assert "where: /dev/null/cache" in said and "export XDG_CACHE_HOME=" in said and "Traceback" not in said


def test_an_unwritable_project_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotWritable, match="/proc"):
        require_writable(Path("/proc/self"))

    def only_read(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "mkdir", only_read)
    with pytest.raises(NotWritable, match=r"(?s)new/page.*Read-only"):
        write_text(tmp_path / "new" / "page", "x")


# Temporary files of processes that were killed.


def test_temporary_files_of_killed_processes_are_removed_and_those_of_living_ones_left(tmp_path: Path) -> None:
    deep = tmp_path / "views" / "ab"
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom concord3d.files import atomic_path, temporary_folder\n"
        "with temporary_folder(Path(sys.argv[1])) as folder, atomic_path(Path(sys.argv[1]) / 'page.txt') as file:\n"
        "    (folder / 'part').write_text('half')\n    file.write_text('half')\n    os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code, str(deep)], env=environment, check=False).returncode == -9
    assert len(list(deep.iterdir())) == 2
    (deep / "page.txt").write_text("whole")
    with atomic_path(deep / "mine.txt") as mine:
        assert len(remove_orphans(tmp_path)) == 2
        assert mine.exists()
    assert sorted(path.name for path in deep.iterdir()) == ["mine.txt", "page.txt"]


def test_temporary_files_of_other_machines_are_left_for_a_day(tmp_path: Path) -> None:
    foreign = tmp_path / f"{TEMPORARY_PREFIX}00000000.1-x-page.txt"
    download = tmp_path / f"{TEMPORARY_PREFIX}set.zip"
    for path in (foreign, download):
        path.write_text("half")
    assert remove_orphans(tmp_path) == []
    for path in (foreign, download):
        os.utime(path, (time.time() - 1e6,) * 2)
    assert remove_orphans(tmp_path) == [foreign]
    assert download.exists(), "a download goes on from it"


def test_a_temporary_folder_is_gone_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=tmp_path.name), temporary_folder(tmp_path / "new") as folder:
        (folder / "large").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list((tmp_path / "new").iterdir()) == []


# Second names.


@pytest.mark.parametrize("links", [True, False])
def test_a_second_name_replaces_an_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    write_text(tmp_path / "source", "new")
    os.utime(tmp_path / "source", (1e9, 1e9))
    (tmp_path / "copy").write_text("old")
    write_second_name(tmp_path / "source", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "new" and (tmp_path / "copy").stat().st_mtime == 1e9


def test_a_copy_that_stops_halfway_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(source: Path, target: Path) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(shutil, "copy2", half)
    (tmp_path / "source").write_text("new")
    with pytest.raises(DiskFull, match="copy"):
        write_second_name(tmp_path / "source", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")
