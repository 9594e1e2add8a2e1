"""Processes by pid and start time, so that a pid which now belongs to somebody else is never signalled."""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .console import Failure

LIBC = ctypes.CDLL(None)
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/PID/stat that we use; https://man7.org/linux/man-pages/man5/proc.5.html."""
    state: str
    parent: int
    terminal: int
    started: int  # clock ticks after boot

    @property
    def dead(self):
        return self.state in "ZX"  # a zombie holds nothing any more; an init that reaps nobody may keep it for ever


def stat_of(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2:].split()  # the name may hold anything, also spaces and brackets
    return Stat(fields[0], int(fields[1]), int(fields[4]), int(fields[19]))


@dataclass(frozen=True)
class Process:
    pid: int
    started: int
    boot: str = BOOT

    @classmethod
    def of(cls, pid):
        stat = stat_of(pid)
        return cls(pid, stat.started) if stat and not stat.dead else None

    def alive(self):
        stat = stat_of(self.pid)
        return self.boot == BOOT and stat is not None and stat.started == self.started and not stat.dead

    def signal(self, number):
        """Sends the signal if the process is still the one we mean; says whether it was."""
        if not self.alive():
            return False
        try:
            os.kill(self.pid, number)
            return True
        except ProcessLookupError:
            return False

    def wait_gone(self, seconds):
        deadline = time.monotonic() + seconds
        while self.alive():
            reap_children()
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def save(self, path):
        path.write_text(json.dumps({"pid": self.pid, "started": self.started, "boot": self.boot}) + "\n")

    @classmethod
    def load(cls, path):
        """The process that was saved there, if it still runs."""
        try:
            saved = cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return saved if saved.alive() else None


_children = []  # Popen objects of what we spawned, kept only to reap them


def reap_children():
    _children[:] = [child for child in _children if child.poll() is None]


# Some containers run a PID 1 that never reaps orphans (sleep infinity). A killed postmaster would stay there as a
# zombie, and PostgreSQL refuses to start while its old pid answers kill(pid, 0). So what we start gets a parent
# that reaps: it hands over the program's pid through a pipe and ends with the last process below it.
REAPER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
pipe = int(sys.argv[1])
pid = os.fork()
if pid == 0:
    os.close(pipe)
    os.chdir(sys.argv[2])  # not the reaper: it must outlive the processes that live there
    os.execvp(sys.argv[3], sys.argv[3:])
os.write(pipe, str(pid).encode())
os.close(pipe)
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
"""


@cache
def orphans_stay_zombies():
    """Whether PID 1 (or the nearest subreaper) fails to reap; tried with one orphan of our own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        orphan = os.fork()
        if orphan == 0:
            time.sleep(0.05)  # its parent has ended by then
            os._exit(0)
        os.write(writing, str(orphan).encode())
        os._exit(0)
    os.waitpid(child, 0)
    orphan = int(os.read(reading, 32))
    os.close(reading)
    os.close(writing)
    for _ in range(100):
        stat = stat_of(orphan)
        if stat is None:
            return False
        if stat.dead:
            time.sleep(0.2)  # init may be busy; a second look decides
            return stat_of(orphan) is not None
        time.sleep(0.01)
    return False


def spawn(argv, cwd, log, account, environment=None):
    """Starts a program in a session of its own, as `account`, its output appended to `log`."""
    argv = [str(word) for word in argv]
    wrapped = orphans_stay_zombies()
    reading, writing = os.pipe()
    command = [sys.executable, "-c", REAPER, str(writing), str(cwd), *argv] if wrapped else argv
    with open(log, "ab") as output:
        child = subprocess.Popen(
            command, cwd="/" if wrapped else cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env={**account.environment(), **(environment or {})}, pass_fds=(writing,) if wrapped else (),
            **account.popen_arguments())
    os.close(writing)
    pid = child.pid
    if wrapped:
        ready, _, _ = select.select([reading], [], [], 10)
        pid = int(os.read(reading, 32) or 0) if ready else 0
    os.close(reading)
    _children.append(child)
    started = Process.of(pid)
    if started is None:
        child.wait(5)
        raise Failure(f"{argv[0]} ended at once; its log is {log}")
    return started


def snapshot():
    """All processes of the machine: pid -> Stat."""
    stats = {int(name): stat_of(name) for name in os.listdir("/proc") if name.isdigit()}
    return {pid: stat for pid, stat in stats.items() if stat}


@contextlib.contextmanager
def eyes_of_owner(pid):
    """Root in a container usually lacks CAP_SYS_PTRACE and may not look into processes of other users, but those
    users may. So this thread looks with the file system identity of the owner.
    https://man7.org/linux/man-pages/man2/ptrace.2.html, "Ptrace access mode checking"
    """
    if os.geteuid() != 0:
        yield
        return
    owner = os.stat(f"/proc/{pid}")
    LIBC.setfsgid(owner.st_gid)
    LIBC.setfsuid(owner.st_uid)
    try:
        yield
    finally:
        LIBC.setfsuid(0)
        LIBC.setfsgid(0)


def cwd_of(pid):
    try:
        with eyes_of_owner(pid):
            return os.readlink(f"/proc/{pid}/cwd")
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return ""


def ancestors(pid, stats):
    while pid in stats:
        yield pid
        pid = stats[pid].parent


def living_in(directory):
    """The processes whose home is `directory`: their working directory is in it and they have no terminal (so they
    are no person's shell), and all their descendants."""
    stats = snapshot()
    ours = set(ancestors(os.getpid(), stats))
    home = str(directory)
    found = {pid for pid, stat in stats.items()
             if not stat.terminal and not stat.dead and (cwd_of(pid) + "/").startswith(home + "/")}
    found |= {pid for pid in stats if not stats[pid].dead and any(above in found for above in ancestors(pid, stats))}
    return {Process(pid, stats[pid].started) for pid in found - ours}


def signal_all(directory, number):
    """Signals every process living in `directory`, and looks again until no new one turns up: they may fork while
    we look."""
    seen = set()
    while new := living_in(directory) - seen:
        for found in new:
            found.signal(number)
        seen |= new
    return seen


def end_all(directory, number, seconds=20):
    """Signals every process living in `directory` until none is left; returns those that were there."""
    deadline = time.monotonic() + seconds
    ended = set()
    # One that is about to end has no working directory any more, but still holds its ports.
    while left := living_in(directory) | {known for known in ended if known.alive()}:
        for found in left:
            found.signal(number)
        ended |= left
        reap_children()
        if time.monotonic() >= deadline:
            raise Failure(f"{len(left)} processes of {directory} survive {signal.Signals(number).name}")
        time.sleep(0.005)
    return ended


def memory_pss(processes):
    """Memory in bytes that these processes use, shared pages counted in proportion."""
    total = 0
    for process in processes:
        try:
            with eyes_of_owner(process.pid):
                text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def cpu_seconds(processes):
    """Processor time that these processes have used so far, with the children they waited for."""
    total = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(field) for field in text[text.rindex(")") + 2:].split()[11:15])
    return total / os.sysconf("SC_CLK_TCK")
