"""Which ports the cluster uses, and who sits on them already."""

import contextlib
import os
import random
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from .console import Failure
from .process import eyes_of_owner

HOST = "127.0.0.1"


@dataclass(frozen=True)
class NodePorts:
    postgres: int
    rest: int


@dataclass(frozen=True)
class EtcdPorts:
    client: int
    peer: int


@dataclass(frozen=True)
class RouterPorts:
    read_write: int = 5000
    read_only: int = 5001
    dashboard: int = 7000
    api: int = 8080


@dataclass(frozen=True)
class Ports:
    router: RouterPorts
    nodes: tuple
    etcd: tuple

    def named(self):
        """Every port with its use: {5000: "router read_write", ...}."""
        uses = {port: f"router, {use}" for use, port in asdict(self.router).items()}
        for number, node in enumerate(self.nodes, 1):
            uses |= {port: f"node{number}, {use}" for use, port in asdict(node).items()}
        for number, member in enumerate(self.etcd, 1):
            uses |= {port: f"etcd{number}, {use}" for use, port in asdict(member).items()}
        return uses


def default_ports(nodes=2):
    return Ports(RouterPorts(), tuple(NodePorts(5432 + n, 8008 + n) for n in range(nodes)),
                 tuple(EtcdPorts(2379 + 2 * n, 2380 + 2 * n) for n in range(3)))


def ports_from(numbers, nodes=2):
    """Ports taken one after another from an iterator: router, nodes, etcd."""
    numbers = iter(numbers)
    return Ports(RouterPorts(*(next(numbers) for _ in range(4))),
                 tuple(NodePorts(next(numbers), next(numbers)) for _ in range(nodes)),
                 tuple(EtcdPorts(next(numbers), next(numbers)) for _ in range(3)))


def ports_at(base, nodes=2):
    if not 1024 <= base <= 65535 - 10 - 2 * nodes:
        raise Failure(f"--port-base {base}: expected a number from 1024 to {65535 - 10 - 2 * nodes}")
    return ports_from(range(base, base + 10 + 2 * nodes), nodes)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do; TIME_WAIT is no obstacle
        try:
            probe.bind((HOST, port))
            probe.listen(1)
            return True
        except OSError:
            return False


share = (0, 1)  # (2, 3): the last of three processes that choose ports at the same time, each among its own


def free_ports(count):
    """Ports that are free now, below the range from which the kernel takes the ends of outgoing connections
    (/proc/sys/net/ipv4/ip_local_port_range), so that nobody gets one by accident before we listen on it."""
    number, of = share
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    start = 10000 if lowest > 12000 else 1024
    chosen = []
    candidates = list(range(start + number, max(lowest, start + 2000), of))
    random.shuffle(candidates)
    for port in candidates:
        if is_free(port):
            chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise Failure(f"no {count} free ports between {start} and {lowest}")


def owner_of(port):
    """Who listens on the port, as far as we may see: "postgres (pid 812)", or None."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:  # 0A: LISTEN
                inodes.add(fields[9])
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if open_files(pid) & {f"socket:[{inode}]" for inode in inodes}:
            return f"{Path(f'/proc/{pid}/comm').read_text(encoding='utf-8').strip()} (pid {pid})"
    return None


def open_files(pid):
    """What the process has open; nothing when it ends meanwhile or may not be looked into."""
    found = set()
    with contextlib.suppress(PermissionError, FileNotFoundError, ProcessLookupError), eyes_of_owner(pid):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since
                found.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return found


def require_free(ports, wanted):
    """Fails, naming each occupied port of `wanted` with its use and its owner, before anything is started."""
    uses = ports.named()
    taken = [port for port in wanted if not is_free(port)]
    if not taken:
        return
    lines = [f"  {port}  wanted for {uses[port]:<22} held by {owner_of(port) or 'a process that we may not see'}"
             for port in taken]
    raise Failure("these ports are occupied:\n" + "\n".join(lines) +
                  "\nStop what holds them (Debian's own services: systemctl stop postgresql etcd), or move the whole "
                  "cluster:\n  ./dev up --port-base 15000")
