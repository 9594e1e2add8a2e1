"""Every write of the REST API, and pause, on a real cluster; answers are Patroni's, so both stacks must pass."""

import datetime
import http.client
import json
import time

import pytest
from conftest import STACK

from holdfast_dev import config
from holdfast_dev.console import wait_for
from holdfast_dev.ports import HOST

SOON = 20  # seconds


def ask(node, method, path, body=None, headers=None, seconds=120):
    """(status, content type, text) of one request; `body` is sent as it is if it is text."""
    connection = http.client.HTTPConnection(HOST, node.ports.rest, timeout=seconds)
    try:
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, path, text, headers or {})
        response = connection.getresponse()
        return response.status, response.headers.get("Content-Type", ""), response.read().decode()
    finally:
        connection.close()


def status(node):
    return json.loads(ask(node, "GET", "/patroni")[2])


def patch(cluster, change):
    code, kind, text = ask(cluster.nodes[0], "PATCH", "/config", change)
    assert (code, kind) == (200, "application/json"), text
    return json.loads(text)


def in_seconds(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


def started_at(node):
    answer = status(node)
    return answer.get("postmaster_start_time") if answer["state"] == "running" else None


def wait_restarted(node, before, seconds=SOON):
    wait_for(f"PostgreSQL of {node.name} is restarted",
             lambda: (started_at(node) or before) != before, seconds)


@pytest.fixture
def nodes(cluster):
    """(leader, replica) of a whole cluster, which is not paused afterwards."""
    leader = cluster.wait_for_redundancy(SOON)
    yield leader, next(node for node in cluster.nodes if node is not leader)
    patch(cluster, {"pause": None})


@pytest.fixture
def paused(cluster, nodes):
    patch(cluster, {"pause": True})
    wait_for("all members know of the pause",
             lambda: all(status(node).get("pause") for node in cluster.nodes), SOON)
    return nodes


def test_configuration_is_patched_and_replaced(cluster, nodes):
    before = json.loads(ask(nodes[0], "GET", "/config")[2])
    changed = patch(cluster, {"maximum_lag_on_failover": 2000000, "custom": {"a": 1, "b": None}})
    assert changed["maximum_lag_on_failover"] == 2000000
    assert changed["custom"] == {"a": 1, "b": None}, "below a key that did not exist nothing is removed"
    assert patch(cluster, {"custom": {"b": None}})["custom"] == {"a": 1}
    wait_for("the other node knows", lambda: json.loads(ask(nodes[1], "GET", "/config")[2]).get("custom"), SOON)
    code, kind, text = ask(nodes[1], "PUT", "/config", before)
    assert (code, kind, json.loads(text)) == (200, "application/json", before)
    wait_for("the configuration is the old one",
             lambda: json.loads(ask(nodes[0], "GET", "/config")[2]) == before, SOON)


def test_bad_requests(nodes):
    leader, replica = nodes
    assert ask(leader, "POST", "/failover", "")[0] == 400
    assert ask(leader, "PATCH", "/config", "[]")[0] == 400
    assert ask(leader, "POST", "/failover", {"foo": "bar"}) == (
        400, "text/html", "Failover could be performed only to a specific candidate")
    assert ask(leader, "POST", "/switchover", {"leader": replica.name}) == (412, "text/html", "leader name does not match")
    assert ask(leader, "POST", "/restart", {"role": "boss"})[0] == 400
    assert ask(leader, "DELETE", "/restart") == (404, "text/html", "no restarts are scheduled")
    assert ask(leader, "DELETE", "/switchover") == (404, "text/html", "no switchover is scheduled")
    assert ask(leader, "POST", "/reinitialize", {"force": True}) == (503, "text/html", "I am the leader, can not reinitialize")
    assert ask(leader, "POST", "/nothing", {})[0] == 501
    assert ask(leader, "POST", "/reload") == (202, "text/html", "reload scheduled")
    assert ask(leader, "POST", "/sigterm") == (202, "text/html", "shutdown scheduled")
    assert leader.agent(), "it only says so"


def test_health_by_head_and_options(nodes):
    leader, replica = nodes
    for method in ("GET", "HEAD", "OPTIONS"):
        assert ask(leader, method, "/primary")[0] == 200
        assert ask(replica, method, "/primary")[0] == 503
        assert ask(replica, method, "/replica?lag=100MB")[0] == 200
    assert ask(replica, "GET", "/replica?tag_rack=r1")[0] == 503
    code, kind, text = ask(leader, "GET", "/metrics")
    assert (code, kind) == (200, "text/plain")
    assert 'patroni_primary{scope="demo",name="%s"} 1' % leader.name in text


def test_restart_of_the_primary_keeps_it_leader(nodes):
    leader, _ = nodes
    before = started_at(leader)
    assert ask(leader, "POST", "/restart", {"role": "replica"}) == (
        503, "text/html", "restart conditions are not satisfied")
    assert started_at(leader) == before
    assert ask(leader, "POST", "/restart", {"role": "primary", "postgres_version": "99.1"}) == (
        200, "text/html", "restarted successfully")
    assert started_at(leader) != before
    assert leader.is_leader() and leader.accepts_writes()


def test_restart_of_the_replica(nodes):
    _, replica = nodes
    before = started_at(replica)
    assert ask(replica, "POST", "/restart") == (200, "text/html", "restarted successfully")
    assert started_at(replica) != before


def test_scheduled_restart(nodes):
    _, replica = nodes
    before = started_at(replica)
    at = in_seconds(3600)
    assert ask(replica, "POST", "/restart", {"schedule": at}) == (202, "text/html", "Restart scheduled")
    assert ask(replica, "POST", "/restart", {"schedule": at})[0] == 409
    assert status(replica)["scheduled_restart"] == {"schedule": at}
    assert ask(replica, "DELETE", "/restart") == (200, "text/html", "scheduled restart deleted")
    assert ask(replica, "POST", "/restart", {"schedule": in_seconds(1.5), "role": "replica"})[0] == 202
    wait_restarted(replica, before)
    assert "scheduled_restart" not in status(replica)


def test_scheduled_restart_waits_for_its_condition(nodes):
    leader, _ = nodes
    before = started_at(leader)
    assert ask(leader, "POST", "/restart", {"schedule": in_seconds(1), "role": "replica"})[0] == 202
    wait_for("the request is dropped", lambda: "scheduled_restart" not in status(leader), SOON)
    assert started_at(leader) == before


def test_reinitialize(cluster, nodes):
    _, replica = nodes
    mark = replica.data / "not_from_the_leader"
    mark.touch()
    assert ask(replica, "POST", "/reinitialize") == (200, "text/html", "reinitialize started")
    wait_for("the data is new", lambda: not mark.exists(), SOON)
    cluster.wait_for_redundancy(SOON)


@pytest.mark.skipif(STACK == "patroni", reason="Patroni 3 knows no from_leader")
def test_reinitialize_from_the_leader_uses_no_backup(cluster, nodes):
    _, replica = nodes
    ran = replica.directory / "backup_asked"
    script = replica.directory / "restore"
    script.write_text(f"#!/bin/sh\ntouch {ran}\nexit 1\n")
    script.chmod(0o755)
    replica.directory.chmod(0o777)  # the script runs as PostgreSQL's user
    described = replica.config()
    described["postgresql"] |= {"create_replica_methods": ["restore", "basebackup"], "restore": {"command": str(script)}}

    def reinitialize(**asked):
        mark = replica.data / "not_from_the_leader"
        mark.touch()
        assert ask(replica, "POST", "/reinitialize", asked) == (200, "text/html", "reinitialize started")
        wait_for("the data is new", lambda: not mark.exists(), SOON)
        cluster.wait_for_redundancy(SOON)

    replica._place.account.write_private(replica.config_file, config.as_yaml(described))
    try:
        assert ask(replica, "POST", "/reload")[0] == 202
        time.sleep(0.5)
        reinitialize(from_leader=True)
        assert not ran.exists()
        reinitialize()
        assert ran.exists()
    finally:
        replica.write_config()
        ask(replica, "POST", "/reload")


@pytest.mark.skipif(STACK == "patroni", reason="a reinitialize of Patroni cannot be given up")
def test_a_reinitialize_that_is_given_up_while_it_copies_keeps_the_data(cluster, nodes):
    _, replica = nodes
    described = replica.config()
    described["postgresql"]["basebackup"] = [{"max-rate": "32k"}]  # the slowest that there is: minutes
    mark = replica.data / "still_the_old_data"
    mark.touch()
    replica._place.account.write_private(replica.config_file, config.as_yaml(described))
    try:
        assert ask(replica, "POST", "/reload")[0] == 202
        time.sleep(0.5)
        assert ask(replica, "POST", "/reinitialize") == (200, "text/html", "reinitialize started")
        wait_for("it copies", lambda: "copying" in status(replica)["holdfast"].get("reinitialize", {}).get("doing", ""), SOON)
        assert ask(replica, "DELETE", "/reinitialize")[0] == 200
        cluster.wait_for_redundancy(SOON)
        assert status(replica)["holdfast"]["last_reinitialize"] == "cancelled"
        assert mark.exists()
    finally:
        replica.write_config()
        ask(replica, "POST", "/reload")


def test_scheduled_switchover(cluster, nodes):
    leader, replica = nodes
    request = {"leader": leader.name, "candidate": replica.name, "scheduled_at": in_seconds(3600)}
    assert ask(leader, "POST", "/switchover", request) == (202, "text/html", "Switchover scheduled")
    shown = json.loads(ask(replica, "GET", "/cluster")[2])["scheduled_switchover"]
    assert (shown["from"], shown["to"]) == (leader.name, replica.name)
    assert ask(replica, "DELETE", "/switchover") == (200, "text/html", "scheduled switchover deleted")
    at = time.monotonic() + 2
    assert ask(leader, "POST", "/switchover", {**request, "scheduled_at": in_seconds(2)})[0] == 202
    assert cluster.wait_for_leader_among([replica], SOON)
    assert time.monotonic() >= at, "not before its time"
    wait_for("the request is gone", lambda: "scheduled_switchover" not in json.loads(ask(leader, "GET", "/cluster")[2]), SOON)


def test_nothing_is_scheduled_in_a_pause(paused):
    leader, replica = paused
    assert ask(leader, "POST", "/restart", {"schedule": in_seconds(60)}) == (
        500, "text/html", "Can't schedule restart in the paused state")
    assert ask(leader, "POST", "/switchover", {"leader": leader.name, "candidate": replica.name,
                                               "scheduled_at": in_seconds(60)}) == (
        400, "text/html", "Can't schedule switchover in the paused state")
    assert ask(leader, "POST", "/switchover", {"leader": leader.name}) == (
        400, "text/html", "Switchover is possible only to a specific candidate in a paused state")


def test_what_a_person_stopped_stays_stopped_until_asked_for(cluster, paused):
    _, replica = paused
    replica.kill_postmaster()
    wait_for("health checks say so at once", lambda: ask(replica, "GET", "/replica")[0] == 503, 2)
    time.sleep(3 * cluster.spec.timing.loop_wait)
    assert not replica.postmaster()
    assert ask(replica, "POST", "/restart") == (200, "text/html", "restarted successfully")
    cluster.wait_for_redundancy(SOON)


def test_no_failover_in_a_pause(cluster, paused):
    leader, replica = paused
    leader.kill_postmaster()
    wait_for("the leader key is gone", lambda: status(replica).get("cluster_unlocked"), SOON)
    time.sleep(cluster.spec.timing.ttl + 2)
    assert not replica.accepts_writes() and not leader.postmaster()
    assert ask(leader, "POST", "/restart")[0] == 200
    assert cluster.wait_for_leader_among([leader], SOON)
    cluster.wait_for_redundancy(SOON)


def test_switchover_in_a_pause(cluster, paused):
    leader, replica = paused
    assert ask(leader, "POST", "/switchover", {"leader": leader.name, "candidate": replica.name}) == (
        200, "text/html", f'Successfully switched over to "{replica.name}"')
    assert cluster.wait_for_leader_among([replica], SOON)
    cluster.wait_for_redundancy(SOON)


def test_an_agent_that_ends_in_a_pause_leaves_postgres_alone(cluster, paused):
    leader, replica = paused
    before = leader.postmaster()
    leader.kill_agent() if STACK == "patroni" else leader.agent().signal(15)
    wait_for("the agent has ended", lambda: not leader.agent(), SOON)
    time.sleep(cluster.spec.timing.ttl + 2)
    assert leader.postmaster() == before and leader.accepts_writes() and not replica.accepts_writes()
    leader.start()
    assert cluster.wait_for_leader_among([leader], SOON)
    assert leader.postmaster() == before
