"""Attacks on a workflow that runs: exactly one job's Python process gets a signal, Snakemake and the others live on.

Snakemake runs a ``script:`` job as a direct child ``python <folder>/.snakemake/scripts/tmp<random>.<script>.py``, whose
text holds, pickled, the paths of its inputs and outputs. The child is looked for every few milliseconds, and its
interpreter needs longer than that to start, so that a kill "at once" comes before the script's first line, and after
Snakemake has removed the job's old outputs.
"""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from tests.workflow.clones import call, environment_of, program, tree_hash

SMOKE = ("--cores", "2", "--config", "scale=smoke")
POINT = (*SMOKE, "papers=[mm_point]")
NOTHING = "Nothing to be done"
# What tells of the machine and the hour; all other files are the same bytes however they came about.
OF_THE_RUN = ("run.json", "provenance.json")
POLL_SECONDS = 0.005


def said(folder: Path, *arguments: str) -> str:
    """What Snakemake says of a call that succeeds."""
    completed = call(folder, "snakemake", *arguments)
    assert completed.returncode == 0, completed.stdout[-2000:] + completed.stderr[-4000:]
    return completed.stdout + completed.stderr


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """The number of jobs by rule that Snakemake would run."""
    text = said(folder, *(arguments or SMOKE), "--dry-run", "--quiet", "rules")
    table = text.split("Job stats:", 1)[-1] if "Job stats:" in text else text
    return {name: int(count) for name, count in re.findall(r"^([a-z]\w*) +(\d+)$", table, re.MULTILINE)}


def made(folder: Path) -> dict[str, str]:
    """Checksums of all artifacts and results that do not tell of the hour."""
    records = ("smoke/records", "smoke/mm_point/provenance", "smoke/mm_mixing/provenance")
    trees = [tree_hash(folder / name, records) for name in ("artifacts", "results")]
    return {name: digest for tree in trees for name, digest in tree.items() if not name.endswith(OF_THE_RUN)}


def find_job(snakemake: psutil.Process, script: str, naming: str = "") -> psutil.Process | None:
    """Return the Python process of a running job.

    Args:
        snakemake: The process that schedules.
        script: File of ``workflow_scripts/``, e.g. ``store.py``.
        naming: Where several jobs share the script, a path as the rule writes it, e.g.
            ``artifacts/smoke/stores/modelnet40/test.npz``.
    """
    for process in snakemake.children(recursive=True):
        try:
            arguments = process.cmdline()
            # The shell that starts Python names the script too, but within its third argument.
            if len(arguments) != 2 or not arguments[1].endswith(f".{script}"):
                continue
            if naming.encode() in Path(arguments[1]).read_bytes():
                return process
        except (psutil.NoSuchProcess, FileNotFoundError):
            continue
    return None


def run_and_kill(
    folder: Path,
    script: str,
    number: signal.Signals = signal.SIGKILL,
    *arguments: str,
    naming: str = "",
    when: Callable[[], bool] = lambda: True,
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy of this repository and send a signal to the Python process of one job, once.

    Args:
        folder: The copy.
        script: See :func:`find_job`.
        number: The signal.
        arguments: Of Snakemake; none stands for the smoke scale on two cores.
        naming: See :func:`find_job`.
        when: The signal waits until this holds, e.g. that a file exists.

    Returns:
        How Snakemake ended, with its output.

    Raises:
        AssertionError: No such job was seen, or it ended before the signal was due.
    """
    command = [program("snakemake"), *(arguments or ("--cores", "2", "--config", "scale=smoke"))]
    killed, helpers = False, list[psutil.Process]()
    # Files, not pipes: nobody reads while this looks for the job.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = subprocess.Popen(command, cwd=folder, env=environment_of(folder), stdout=out, stderr=err)
        snakemake = psutil.Process(started.pid)
        while started.poll() is None:
            job = None if killed else find_job(snakemake, script, naming)
            if job is not None and when():
                with suppress(psutil.NoSuchProcess):
                    helpers = _halted_children(job)
                    job.send_signal(number)
                    killed = True
                    job.resume()
            time.sleep(0.1 if killed else POLL_SECONDS)
        for helper in helpers:
            # The processes of a pool wait for ever for work from one that is gone.
            with suppress(psutil.NoSuchProcess):
                helper.kill()
        out.seek(0)
        err.seek(0)
        completed = subprocess.CompletedProcess(command, started.returncode, out.read(), err.read())
    assert killed, f"no job of {script} was killed:\n{completed.stderr[-3000:]}"
    return completed


def _halted_children(job: psutil.Process) -> list[psutil.Process]:
    """Stop a process, so that it starts none that would be overlooked, and return those that it has started."""
    job.suspend()
    return job.children(recursive=True)
