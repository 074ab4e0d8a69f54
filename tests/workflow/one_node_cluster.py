"""A SLURM cluster of one node, this machine, for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scontrol")
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
MinJobAge=300
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=cpu Nodes={host} MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


def _keep_configuration(wrapper: Path, configuration: Path) -> None:
    """Put a program before SLURM's own: inside jobs Snakemake's plugin drops the variable that names the cluster."""
    real = shutil.which(wrapper.name)
    wrapper.parent.mkdir()
    wrapper.write_text(f"#!/bin/sh\nSLURM_CONF='{configuration}' exec {real} \"$@\"\n")
    wrapper.chmod(0o755)


def absent_programs() -> list[str]:
    """Programs of SLURM and MUNGE that this machine lacks."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _daemon(*command: str, **environment: str) -> Iterator[None]:
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def one_node_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start MUNGE, a controller and a node with the partitions ``cpu`` and ``gpu``; there is no accounting.

    Args:
        folder: For keys, sockets, state and logs.

    Yields:
        The variables under which SLURM's commands speak to this cluster.
    """
    host = socket.gethostname()
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            host=host,
            folder=folder,
            controller=_free_port(),
            daemon=_free_port(),
            cpus=os.cpu_count() or 1,
            memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 9 // 10 // 2**20,
        )
    )
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
    key, told = folder / "munge.key", {"SLURM_CONF": str(configuration), "PATH": path}
    _keep_configuration(folder / "bin" / "srun", configuration)
    subprocess.run(["mungekey", "--create", "--keyfile", str(key)], env={**os.environ, **told}, check=True)
    files = {"socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log", "seed-file": "munge.seed"}
    munge = ["munged", "--foreground", "--force", "--key-file", str(key), "--num-threads", "1"]
    munge += [f"--{option}={folder / name}" for option, name in files.items()]
    with ExitStack() as stack:
        stack.enter_context(_daemon(*munge, **told))
        _wait(lambda: (folder / "munge.socket").exists(), "MUNGE", folder / "munge.log")
        stack.enter_context(_daemon("slurmctld", "-D", "-L", str(folder / "slurmctld.log"), **told))
        stack.enter_context(_daemon("slurmd", "-D", "-N", host, "-L", str(folder / "slurmd.log"), **told))
        _wait(lambda: "idle" in _said("sinfo", "-h", "-o", "%t", **told), "the node", folder / "slurmctld.log")
        yield told


def _said(*command: str, **environment: str) -> str:
    return subprocess.run(command, env={**os.environ, **environment}, text=True, capture_output=True).stdout


def _wait(there, what: str, log: Path, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        text = log.read_text()[-3000:] if log.exists() else "no log"
        assert time.monotonic() < end, f"{what} does not start:\n{text}"
        time.sleep(0.5)
