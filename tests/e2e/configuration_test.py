"""Configuration: read again while a node runs, remembered, checked and generated."""

import contextlib
import json
import os
import signal
import socket
import subprocess

import pytest
import yaml
from conftest import BINARY, STACK

from holdfast_dev import config, ports, rest
from holdfast_dev.console import Failure, wait_for
from holdfast_dev.ports import HOST

pytestmark = pytest.mark.skipif(STACK != "holdfast", reason="files and messages are holdfast's")

SOON = 10  # seconds; the agent looks again at once


@pytest.fixture
def leader(cluster):
    """The leading node, whose file is put back after the test."""
    node = cluster.wait_for_redundancy()
    yield node
    node.write_config()
    reload(node)


def reload(node, change=None):
    if change:
        described = node.config()
        change(described)
        node._place.account.write_private(node.config_file, config.as_yaml(described))
    node.agent().signal(signal.SIGHUP)


def status(node):
    answer = node.rest("/patroni")
    return answer.json()


def eventually(what, check, seconds=SOON):
    def good():
        if not check():
            raise Failure(f"not yet: {what}")
        return True
    wait_for(what, good, seconds)


def test_sighup_applies_the_file(leader):
    def change(node):
        node["postgresql"]["parameters"] |= {"work_mem": "5MB", "statement_timeout": "11min"}
        node["tags"] |= {"zone": "b"}
    reload(leader, change)
    eventually("the settings", lambda: leader.query("show work_mem") == [("5MB",)])
    assert leader.query("show statement_timeout") == [("11min",)]
    eventually("the tag", lambda: status(leader).get("tags") == {"zone": "b"})
    reload(leader, lambda node: None)
    eventually("the old settings", lambda: leader.query("show work_mem") == [("4MB",)])


def test_what_needs_a_restart_is_said_with_its_reason(cluster, leader):
    def change(node):
        node["postgresql"]["parameters"] |= {"shared_buffers": "3072", "max_files_per_process": 999}
    reload(leader, change)
    reason = {"max_files_per_process": {"old_value": "1000", "new_value": "999"},
              "shared_buffers": {"old_value": "16MB", "new_value": "24MB"}}
    eventually("the reason", lambda: status(leader).get("pending_restart_reason") == reason)
    assert status(leader)["pending_restart"] is True

    def in_etcd():
        (member,) = [member for member in cluster.members() if member["name"] == leader.name]
        return member.get("pending_restart")
    eventually("the member's entry", in_etcd)
    reload(leader, lambda node: node["postgresql"]["parameters"].update(shared_buffers="16384kB"))
    eventually("16384kB is 16MB", lambda: "pending_restart" not in status(leader))


def test_a_reload_moves_the_api(cluster, leader):
    (free,) = ports.free_ports(1)
    moved = f"localhost:{free}"

    def change(node):
        node["restapi"] |= {"listen": f"127.0.0.1:{free}", "connect_address": moved}
    reload(leader, change)
    eventually("the new address answers", lambda: rest.status(free, "/primary") == 200)
    eventually("the old one is closed", lambda: rest.status(leader.ports.rest, "/primary") == 0)
    eventually("others are told", lambda: any(moved in member["api_url"] for member in cluster.members()))
    leader.write_config()
    reload(leader)
    eventually("it is back", lambda: leader.is_leader())


def test_an_address_that_cannot_be_listened_on_leaves_the_api_where_it_is(leader):
    log = leader._place.log_file(leader.name)
    before = log.stat().st_size
    reload(leader, lambda node: node["restapi"].update(listen="192.0.2.1:8008"))
    eventually("a message", lambda: "cannot listen on 192.0.2.1:8008" in log.read_text(errors="replace")[before:])
    assert leader.is_leader()


def test_a_reload_takes_the_watchdog(leader):
    device = leader.directory / "watchdog"
    os.mkfifo(device)
    device.chmod(0o666)
    reader = os.open(device, os.O_RDONLY | os.O_NONBLOCK)

    def heard(what):
        with contextlib.suppress(BlockingIOError):
            said.append(os.read(reader, 1000).decode())
        return what in "".join(said)

    def watched(**settings):
        said.clear()
        reload(leader, lambda node: node.update(watchdog={"driver": "testing", "device": str(device), **settings}))
    said = []
    ttl = leader._spec.timing.ttl
    try:
        watched(mode="automatic", safety_margin=2)
        eventually("it runs", lambda: heard(f"Ctimeout={ttl - 2}\n"))
        watched(mode="required", safety_margin=1)
        eventually("it has another timeout", lambda: heard(f"Ctimeout={ttl - 1}\n"))
        eventually("it is fed", lambda: heard("11"))
        watched(mode="off")
        eventually("it is stopped", lambda: heard("V"))
        assert leader.accepts_writes()
    finally:
        leader.write_config()
        reload(leader)
        os.close(reader)
        device.unlink()


def test_systemd_hears_how_far_the_agent_is(leader, tmp_path):
    """As for a unit with Type=notify, which Patroni's is: systemd ends what does not say that it is ready."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(SOON)
        leader.kill_agent()
        with subprocess.Popen([BINARY, "agent", leader.config_file], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env={**os.environ, "NOTIFY_SOCKET": str(path)}) as agent:
            try:
                assert systemd.recv(100) == b"READY=1"
                agent.send_signal(signal.SIGHUP)
                assert systemd.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
                assert systemd.recv(100) == b"READY=1"
            finally:
                agent.kill()
        leader.start()


def test_a_shared_setting_in_the_file_has_no_effect(leader):
    reload(leader, lambda node: node["postgresql"]["parameters"].update(max_connections=77, work_mem="6MB"))
    eventually("the reload", lambda: leader.query("show work_mem") == [("6MB",)])
    assert leader.query("show max_connections") == [("200",)]
    assert "pending_restart" not in status(leader)


def test_a_broken_file_is_refused_and_the_old_one_stays(leader):
    log = leader._place.log_file(leader.name)
    before = log.stat().st_size

    def change(node):
        node["postgresql"]["listen"] = "nowhere:99999"
        node["tags"] |= {"zone": "c"}
    reload(leader, change)
    said = "the configuration is not reloaded, the old one stays"
    eventually("a message", lambda: said in log.read_text(errors="replace")[before:])
    assert "postgresql.listen" in log.read_text(errors="replace")[before:]
    assert "zone" not in status(leader).get("tags", {})
    assert leader.accepts_writes()


def test_pg_hba_is_taken_at_once(leader):
    def change(node):
        node["postgresql"]["pg_hba"] = ["local all all reject", *node["postgresql"]["pg_hba"]]
    reload(leader, change)
    rules = "select count(*) from pg_hba_file_rules where auth_method = 'reject' and error is null"
    eventually("the rule", lambda: leader.query(rules) == [(1,)])


def test_the_dynamic_configuration_is_remembered(leader):
    remembered = json.loads((leader.data / "patroni.dynamic.json").read_text())
    assert remembered == leader.rest("/config").json()


# Without running anything.

def run(*arguments, environment=None):
    return subprocess.run([str(BINARY), "agent", *map(str, arguments)], capture_output=True, text=True, timeout=30,
                          env=environment)


def test_a_running_nodes_file_is_valid_but_for_its_ports(leader):
    file = leader.config_file
    taken = run("--validate-config", file)
    assert taken.returncode == 1
    assert f"postgresql.listen: cannot listen on {HOST}:{leader.ports.postgres}: Address already in use" in taken.stderr
    good = run("--validate-config", "--ignore-listen-port", "--print", file)
    assert good.returncode == 0, good.stderr
    assert yaml.safe_load(good.stdout)["postgresql"]["listen"] == leader.config()["postgresql"]["listen"]


def test_a_generated_sample_is_complete_but_for_what_only_a_person_knows(tmp_path):
    file = tmp_path / "etc" / "node.yml"
    assert run("--generate-sample-config", file).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    sample = yaml.safe_load(file.read_text())
    assert sample["scope"].startswith("#")
    assert sample["bootstrap"]["dcs"]["postgresql"]["parameters"]["max_connections"] == 100
    assert sample["postgresql"]["authentication"]["rewind"]["username"] == "rewind_user"
    refused = run("--validate-config", file)
    assert refused.returncode == 1 and "scope: still says #" in refused.stderr


def test_a_running_instance_is_described(leader, tmp_path):
    password = leader._spec.passwords["postgres"]
    dsn = f"host={HOST} port={leader.ports.postgres} user=postgres password={password} dbname=postgres"
    result = run("--generate-config", "--dsn", dsn)
    assert result.returncode == 0, result.stderr
    described = yaml.safe_load(result.stdout)
    postgresql = described["postgresql"]
    assert described["scope"] == leader.config()["scope"]
    assert postgresql["data_dir"] == str(leader.data)
    assert postgresql["bin_dir"] == config.BIN_DIR
    assert postgresql["listen"] == f"{HOST}:{leader.ports.postgres}"
    assert postgresql["authentication"]["superuser"] == {"username": "postgres", "password": password}
    assert described["bootstrap"]["dcs"]["postgresql"]["parameters"]["max_connections"] == "200"
    assert set(leader.config()["postgresql"]["pg_hba"]) <= set(postgresql["pg_hba"])
