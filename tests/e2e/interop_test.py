"""Together with Debian's patroni (or the one of HOLDFAST_PATRONI) and haproxy: a cluster with members of both kinds,
leadership going every way, and a running Patroni cluster taken over node by node and given back, under load."""

import shutil
import time

import pytest
from conftest import STACK, discard, new_cluster
from failover_test import WHOLE_BACK, under_load

from holdfast_dev.console import wait_for
from holdfast_dev.stack import PATRONI, Classic, stack_named

pytestmark = [pytest.mark.skipif(STACK != "holdfast", reason="these tests bring both stacks themselves"),
              pytest.mark.skipif(not shutil.which(f"{PATRONI}/patroni"), reason="patroni is not installed")]


def holdfast(cluster):
    return stack_named("holdfast", cluster.place.root / "bin" / "holdfast")


def make_mixed(**settings):
    """node1 is Patroni's and bootstraps the cluster, node2 is ours, the router is ours."""
    made = new_cluster(**settings)
    try:
        made.nodes[0].run_with(Classic())
        made.start_etcd()
        made.nodes[0].start()
        made.router.start()
        wait_for("Patroni bootstraps and leads", made.leader, 60)
        made.nodes[1].start()
        made.wait_for_redundancy()
        made.make_application()
        yield made
    finally:
        discard(made)


@pytest.fixture(scope="module")
def mixed():
    yield from make_mixed()


@pytest.fixture(scope="module")
def mixed_asynchronous():
    yield from make_mixed(synchronous_mode=False)


@pytest.fixture
def cluster(request, mixed):
    request.node.used_cluster = mixed
    return mixed


@pytest.fixture
def asynchronous_cluster(request, mixed_asynchronous):
    request.node.used_cluster = mixed_asynchronous
    return mixed_asynchronous


def lead(cluster, node):
    """Makes this node the leader of a whole cluster."""
    leader = cluster.wait_for_redundancy(WHOLE_BACK)
    if leader is not node:
        answer = cluster.switchover_request(leader, node)
        assert answer and answer.status == 200, answer
        cluster.wait_for_leader_among([node], 20)
        cluster.wait_for_redundancy(WHOLE_BACK)
    for other in cluster.nodes:  # an agent may know of it later than PostgreSQL does
        if other is not node:
            wait_for(f"{other.name} says that it follows {node.name}", lambda: follows(other, node), 20)


def follows(replica, leader):
    answers = replica.rest("/replica"), leader.rest("/primary")
    return all(answer is not None and answer.status == 200 for answer in answers) and \
        answers[0].json()["timeline"] == answers[1].json()["timeline"]


both_ways = pytest.mark.parametrize("first", [0, 1], ids=["from Patroni to Holdfast", "from Holdfast to Patroni"])


@both_ways
def test_switchover(cluster, first):
    switch_over(cluster, first)


@both_ways
def test_switchover_of_an_asynchronous_cluster(asynchronous_cluster, first):
    switch_over(asynchronous_cluster, first)


def switch_over(cluster, first):
    lead(cluster, cluster.nodes[first])
    with under_load(cluster) as scene:
        scene.happened()
        answer = cluster.switchover_request(scene.leader, scene.other)
        assert answer and answer.status == 200, answer
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.other], 20)


@both_ways
def test_failover(cluster, first):
    lead(cluster, cluster.nodes[first])
    with under_load(cluster) as scene:
        scene.happened()
        scene.leader.kill()
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.other], 20)
        scene.leader.start()


@both_ways
def test_failover_of_an_asynchronous_cluster(asynchronous_cluster, first):
    """No rows are judged: those that the standby had not received yet are lost."""
    cluster = asynchronous_cluster
    lead(cluster, cluster.nodes[first])
    leader, other = cluster.nodes[first], cluster.nodes[1 - first]
    leader.kill()
    assert cluster.wait_for_leader_among([other], 30)
    leader.start()
    assert cluster.wait_for_redundancy(WHOLE_BACK) is other


def test_haproxy_finds_the_leader_by_our_health_checks(cluster):
    """HAProxy's configuration is the one that Patroni's documentation gives."""
    lead(cluster, cluster.nodes[1])
    cluster.router.stop()
    cluster.router.run_with(Classic())
    cluster.router.start()
    try:
        for node, read_only in ((cluster.nodes[1], False), (cluster.nodes[0], True)):
            wait_for(f"HAProxy sends {'readers' if read_only else 'writers'} to {node.name}",
                     lambda: cluster.router.query("select inet_server_port()", read_only=read_only) ==
                     [(node.ports.postgres,)], 30)
        with under_load(cluster) as scene:
            scene.happened()
            answer = cluster.switchover_request(scene.leader, scene.other)
            assert answer and answer.status == 200, answer
            scene.writes_are_back()
    finally:
        cluster.router.stop()
        cluster.router.run_with(holdfast(cluster))
        cluster.router.start()


def change_agent(node, stack):
    """The agent goes without a word and another takes its place, as `kill -9` and a start of the other program do.
    PostgreSQL goes on."""
    before = node.postmaster()
    node.kill_agent()
    node.run_with(stack)
    node.start()
    return before


def test_members_are_taken_over_and_given_back_without_a_restart_of_postgres(cluster):
    """A leader can be taken over as it is; it is given back as a replica, as `holdfast takeover` demands."""
    theirs, ours = Classic(), holdfast(cluster)
    node, other = cluster.nodes
    lead(cluster, node)
    with under_load(cluster) as scene:
        scene.happened()
        before = change_agent(node, ours)
        time.sleep(cluster.spec.timing.ttl + 1)  # the lease of the killed agent has run out, unless it was renewed
        assert node.postmaster() == before, "PostgreSQL was restarted"
        cluster.wait_for_leader_among([node], 20)
        lead(cluster, other)
        before = change_agent(node, theirs)
        cluster.wait_for_redundancy(WHOLE_BACK)
        assert node.postmaster() == before, "PostgreSQL was restarted"
        scene.writes_are_back()
