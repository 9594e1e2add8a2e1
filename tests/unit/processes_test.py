"""The tools signal whom they mean and nobody else, and name who sits on a port."""

import os
import signal
import socket
import subprocess
import time

import pytest

from holdfast_dev import process, users
from holdfast_dev.console import Failure, wait_for
from holdfast_dev.ports import HOST, default_ports, free_ports, is_free, ports_at, require_free


def start(*command, **options):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)


@pytest.fixture
def sleeper(tmp_path):
    """A process that lives in a directory of its own, with a child."""
    home = tmp_path / "node1"
    home.mkdir()
    child = start("sh", "-c", "sleep 1000 & sleep 1000", cwd=home)
    deadline = time.monotonic() + 10
    while len(process.living_in(home)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    yield home, child
    process.end_all(home, signal.SIGKILL)
    child.wait()


def test_a_pid_that_belongs_to_somebody_else_by_now_is_not_signalled(sleeper):
    _, child = sleeper
    now = process.Process.of(child.pid)
    before = process.Process(now.pid, now.started - 1)
    after_reboot = process.Process(now.pid, now.started, boot="another boot")
    assert not before.signal(signal.SIGKILL) and not after_reboot.signal(signal.SIGKILL)
    assert now.alive() and child.poll() is None


def test_a_process_is_found_again_by_its_file(sleeper, tmp_path):
    found = process.Process.of(sleeper[1].pid)
    found.save(tmp_path / "pid.json")
    assert process.Process.load(tmp_path / "pid.json") == found
    (tmp_path / "pid.json").write_text("garbage")
    assert process.Process.load(tmp_path / "pid.json") is None
    assert process.Process.load(tmp_path / "absent.json") is None


def test_who_lives_in_a_directory(sleeper):
    home, child = sleeper
    found = {lodger.pid for lodger in process.living_in(home)}
    assert child.pid in found and os.getpid() not in found
    assert process.living_in(home.parent / "node") == set(), "node is not node1"


def test_killing_spares_ourselves_even_from_inside(sleeper, monkeypatch):
    home, child = sleeper
    monkeypatch.chdir(home)
    assert len(process.end_all(home, signal.SIGKILL)) >= 2
    assert child.wait(5) == -signal.SIGKILL


def test_a_frozen_node_can_be_killed(sleeper):
    home, child = sleeper
    process.signal_all(home, signal.SIGSTOP)
    wait_for("all are frozen", lambda: {process.stat_of(lodger.pid).state for lodger in process.living_in(home)} == {"T"}, 5)
    process.end_all(home, signal.SIGKILL)
    assert child.wait(5) == -signal.SIGKILL


def test_what_ends_at_once_is_said_to_have_ended(tmp_path):
    log = tmp_path / "log"
    started = process.spawn(["sh", "-c", "echo why; sleep 0.2"], "/", log, users.ourselves())
    assert started.wait_gone(10)
    assert log.read_text() == "why\n"


def test_an_occupied_port_is_named_with_its_use_and_owner():
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert not is_free(port)
        ports = ports_at(port - 1 if port > 1024 else port)
        with pytest.raises(Failure) as failure:
            require_free(ports, [port])
        text = str(failure.value)
        assert f"{port}  wanted for router, read_only" in text and f"(pid {os.getpid()})" in text
        assert "--port-base" in text


def test_no_port_is_given_twice():
    for ports in (default_ports(), ports_at(20000)):
        assert len(ports.named()) == 14
    assert len(set(free_ports(20))) == 20
    with pytest.raises(Failure, match="expected a number"):
        ports_at(80)
