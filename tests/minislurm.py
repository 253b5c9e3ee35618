"""A real Slurm of two nodes on this machine, on loopback: no munge, no database, two GPUs a node in name."""

import ctypes
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

DAEMONS = ("slurmctld", "slurmd")
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
START_SECONDS = 90
PR_SET_PDEATHSIG = 1

CONF = """\
ClusterName=mini
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=2
MinJobAge=300
JobRequeue=0
SlurmdTimeout=10
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
DefMemPerCPU=512
GresTypes=gpu
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=ALL MaxTime=01:00:00 State=UP
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=8192 Gres=gpu:2"
HOST = socket.gethostname().partition(".")[0]
NODES = (HOST, f"{HOST}-second")
"""The first of an allocation is where ranks meet, so its name has to lead here."""


def missing() -> str:
    """Why there can be no Slurm here, or nothing."""
    absent = [name for name in DAEMONS if not shutil.which(name, path=PATH)]
    if absent:
        return f"needs {' and '.join(absent)} (Debian: slurm-wlm)"
    return "" if os.geteuid() == 0 else "needs root: slurmd starts jobs as their owner"


class MiniSlurm:
    """A cluster in ``folder``, running inside a ``with`` block.

    ``environment`` is what a process needs to find it; partitions are ``cpu`` (no limit of time) and ``gpu`` (one hour
    at most), each with both `NODES` of 4 cores, 8 GiB and two devices that only look like GPUs.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}
        self.nodes = NODES
        self._daemons: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "MiniSlurm":
        self._configure()
        self._start("slurmctld", "-c")
        for name in NODES:
            self.start_node(name)
        return self

    def __exit__(self, *_: object) -> None:
        self.command("scancel", "--user=root")
        self._wait(lambda: not self.command("squeue", "--noheader"))
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
        for daemon in self._daemons.values():
            daemon.wait()

    def command(self, *words: str) -> str:
        """What a command of Slurm says, such as ``squeue``."""
        return subprocess.run(
            words, env=os.environ | self.environment, capture_output=True, text=True, check=False
        ).stdout

    def start_node(self, name: str) -> None:
        """Nothing; the node is there (again)."""
        self._start(name, "-N", name, program="slurmd")
        self._wait(lambda: self.state(name) in ("idle", "mixed"))

    def kill_node(self, name: str) -> None:
        """Nothing; slurmd of this node is dead, what it started lives on."""
        self._daemons[name].send_signal(signal.SIGKILL)
        self._daemons[name].wait()

    def stop_controller(self) -> None:
        """Nothing; nobody answers, what runs runs on."""
        self._daemons["slurmctld"].terminate()
        self._daemons["slurmctld"].wait()

    def start_controller(self) -> None:
        """Nothing; the controller answers (again), and knows all it knew."""
        self._start("slurmctld")
        self._wait(lambda: self.command("squeue"))

    def state(self, name: str) -> str:
        """The state of a node: idle, mixed, drained, down ..."""
        return self.command(
            "sinfo", "--noheader", f"--nodes={name}", "--partition=cpu", "--format=%T"
        ).strip()

    def _configure(self) -> None:
        ports = _free_ports(1 + len(NODES))
        nodes = [
            NODE.format(name=name, host=HOST, port=port) for name, port in zip(NODES, ports[1:], strict=True)
        ]
        text = CONF.format(host=HOST, ports=ports, folder=self.folder, nodes="\n".join(nodes))
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "state").mkdir()
        for device in (0, 1):  # Slurm counts character devices only
            os.mknod(self.folder / f"nvidia{device}", stat.S_IFCHR | 0o666, os.makedev(195, device))
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/nvidia[0-1]\n")

    def _start(self, name: str, *options: str, program: str = "") -> None:
        command = [program or name, "-D", "-f", str(self.folder / "slurm.conf"), *options]
        self._daemons[name] = subprocess.Popen(
            command,
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C ends the tests, and these end it
            preexec_fn=_end_with_parent,
        )

    def _wait(self, until) -> None:
        for _ in range(START_SECONDS * 10):
            if until():
                return
            time.sleep(0.1)
        raise TimeoutError(f"Slurm is not ready after {START_SECONDS} s, see the logs in {self.folder}")


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
