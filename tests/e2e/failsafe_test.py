"""etcd goes away while clients write. In failsafe mode the primary goes on as long as all members confirm that it leads."""

import base64
import contextlib
import signal
import time

import pytest
from failover_test import WRITES_BACK, under_load
from link import Link

from holdfast_dev import config
from holdfast_dev.console import Failure, wait_for
from holdfast_dev.ports import HOST
from holdfast_dev.rest import request

OUTAGE = 30  # seconds without etcd: several times the ttl
LONGEST_PAUSE = 1.5  # between two acknowledged writes; 0.01 s on an idle machine


@contextlib.contextmanager
def without_quorum(cluster):
    """Two of three etcd members are dead, and come back."""
    dead = cluster.etcd[:2]
    for member in dead:
        member.stop(signal.SIGKILL)
    yield
    for member in dead:
        member.start()
    for member in dead:
        wait_for(f"{member.name} is back", member.healthy, 30)


@contextlib.contextmanager
def frozen_etcd(cluster):
    """Connections to etcd succeed, and nothing answers."""
    for member in cluster.etcd:
        member.running().signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for member in cluster.etcd:
            member.running().signal(signal.SIGCONT)
    for member in cluster.etcd:
        wait_for(f"{member.name} answers again", member.healthy, 30)


def says_active(answer):
    return answer is not None and answer.status == 200 and answer.json().get("failsafe_mode_is_active", False)


def is_active(node):
    return says_active(node.rest("/primary"))


def primary_goes_on(scene, outage):
    leader, postmaster = scene.leader, scene.leader.postmaster()
    timeline = leader.rest("/patroni").json()["timeline"]
    scene.happened()
    with outage(scene.cluster):
        began = time.monotonic()
        wait_for("failsafe mode is active", lambda: is_active(leader), 10)
        while time.monotonic() < began + OUTAGE:
            time.sleep(1)
            answer = leader.rest("/primary")
            assert says_active(answer), answer
            assert scene.other.rest("/primary").status == 503
    wait_for("failsafe mode is over", lambda: leader.is_leader() and not is_active(leader), 30)
    scene.writes_are_back()
    assert leader.postmaster() == postmaster, "PostgreSQL was restarted"
    assert leader.rest("/patroni").json()["timeline"] == timeline, "there was a failover"
    assert scene.clients.outage(scene.at) < LONGEST_PAUSE, f"{scene.clients.outage(scene.at):.2f} s without a write"


def test_etcd_loses_its_quorum_and_the_primary_goes_on(failsafe_cluster):
    with under_load(failsafe_cluster) as scene:
        primary_goes_on(scene, without_quorum)


def test_etcd_freezes_and_the_primary_goes_on(failsafe_cluster):
    with under_load(failsafe_cluster) as scene:
        primary_goes_on(scene, frozen_etcd)


def has_leader_key(cluster):
    """As etcd itself says, over its JSON gateway."""
    key = base64.b64encode(f"/service/{cluster.spec.scope}/leader".encode()).decode()
    answer = request(cluster.etcd[0].ports.client, "/v3/kv/range", "POST", {"key": key})
    return int(answer.json().get("count", 0)) > 0


@pytest.fixture
def cut_off_leader(failsafe_cluster):
    """(the cluster, its leader, the link between that leader and etcd)"""
    leader = failsafe_cluster.wait_for_redundancy()
    link = Link([member.client for member in failsafe_cluster.spec.ports.etcd])
    described = leader.config()
    described["etcd3"]["hosts"] = [f"{HOST}:{port}" for port in link.ports]
    leader._place.account.write_private(leader.config_file, config.as_yaml(described))
    leader.kill_agent()
    leader.start()
    assert failsafe_cluster.wait_for_redundancy() is leader
    yield failsafe_cluster, leader, link
    leader.write_config()
    leader.kill_agent()
    leader.start()
    link.close()


def test_only_the_primary_loses_etcd_and_new_clients_find_it_all_the_same(cut_off_leader):
    """Its key runs out, so etcd names no leader; the router asks the agent."""
    cluster, leader, link = cut_off_leader
    with under_load(cluster) as scene:
        assert scene.leader is leader
        timeline = leader.rest("/patroni").json()["timeline"]
        scene.happened()
        link.cut()
        try:
            wait_for("the leader key is gone", lambda: not has_leader_key(cluster), 30)
            until = time.monotonic() + 3 * cluster.spec.timing.ttl
            while time.monotonic() < until:
                began = time.monotonic()
                assert cluster.router.query("select 1", seconds=10) == [(1,)]
                assert time.monotonic() - began < LONGEST_PAUSE
                assert not has_leader_key(cluster)
                time.sleep(0.2)
        finally:
            link.mend()
        wait_for("failsafe mode is over", lambda: leader.is_leader() and not is_active(leader), 30)
        assert leader.rest("/patroni").json()["timeline"] == timeline, "there was a failover"


def test_the_replica_dies_while_etcd_is_away_and_the_primary_steps_back(failsafe_cluster):
    with under_load(failsafe_cluster) as scene:
        with without_quorum(failsafe_cluster):
            wait_for("failsafe mode is active", lambda: is_active(scene.leader), 10)
            scene.other.kill()
            wait_for("the primary can only be read", lambda: is_standby(scene.leader), 30)
        scene.happened()
        scene.other.start()
        scene.clients.wait_for_acknowledged(20, scene.at, WRITES_BACK)


def is_standby(node):
    rows = node.query("select pg_is_in_recovery()")
    if rows is None:
        raise Failure(f"PostgreSQL of {node.name} does not answer")
    return rows[0][0]
