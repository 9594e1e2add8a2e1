"""The agent as the first process of a container."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import BINARY, STACK, discard, new_cluster

from holdfast_dev.console import wait_for

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]  # a pid namespace of its own

pytestmark = pytest.mark.skipif(STACK != "holdfast", reason="holdfast's agent is tested")


def namespace_pid(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_zombie(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.fixture
def contained(request):
    """(the node, the pid of its first process); nothing else of the cluster runs but etcd."""
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("may not make a pid namespace here")
    cluster = request.node.used_cluster = new_cluster()
    try:
        cluster.start_etcd()
        node = cluster.nodes[0]
        node._place.account.make_directory(node.directory)
        with open(cluster.place.log_file(node.name), "wb") as log, \
                subprocess.Popen([*UNSHARE, BINARY, "agent", node.config_file], stdin=subprocess.DEVNULL, stderr=log) as outside:
            wait_for("it leads", lambda: node.is_leader() and node.accepts_writes(), 60)
            (first,) = children(outside.pid)
            yield node, first
            if outside.poll() is None:
                outside.kill()
    finally:
        discard(cluster)


def test_orphans_are_buried_and_signals_passed_on(contained):
    node, first = contained
    assert namespace_pid(first) == 1
    (agent,) = children(first)
    for _ in range(2):
        before = node.data.joinpath("postmaster.pid").read_text()
        number = int(before.split()[0])
        (postmaster,) = [child for child in children(agent) if namespace_pid(child) == number]
        os.kill(postmaster, signal.SIGKILL)
        wait_for("another postmaster", lambda: node.data.joinpath("postmaster.pid").exists() and
                 node.data.joinpath("postmaster.pid").read_text() != before and node.accepts_writes(), 30)
    wait_for("nobody is left unburied", lambda: not any(map(is_zombie, children(first) + children(agent))), 10)
    os.kill(first, signal.SIGTERM)
    wait_for("the agent ends, and process 1 with it", lambda: not Path(f"/proc/{first}").exists() or is_zombie(first), 30)
    assert not node.data.joinpath("postmaster.pid").exists(), "PostgreSQL was stopped first"
