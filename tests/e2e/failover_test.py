"""What may happen to a node, under load: no acknowledged row is lost, there is one writer, and the cluster becomes
whole again without a person."""

import contextlib
import time

from holdfast_dev.console import say, wait_for
from holdfast_dev.history import History, rows_of

WRITES_BACK = 60  # seconds within which writes must go through again; far above what is expected, for slow machines
WHOLE_BACK = 90


@contextlib.contextmanager
def under_load(cluster):
    """Clients write while the body runs; then they are judged on every node. The body calls happened() right
    before the event, and writes_are_back() when it expects them to be."""
    with History(cluster) as clients:
        scene = Scene(cluster, clients)
        yield scene
        leader = cluster.wait_for_redundancy(WHOLE_BACK)
        clients.wait_for_acknowledged(20, time.monotonic(), WRITES_BACK)
        clients.stop()
    found = clients.contradictions(rows_of(leader))
    assert not found, f"{len(found)} contradictions, the first: {found[:10]}"
    expected = rows_of(leader)
    for node in cluster.nodes:
        wait_for(f"{node.name} has the same rows as {leader.name}", lambda: rows_of(node) == expected, 20)
    counts = clients.counts(scene.at)
    say(f"\n    outage {clients.outage(scene.at):.2f} s; after the event {counts['acknowledged']} rows acknowledged, "
        f"{counts['refused']} refused, {counts['unknown']} unknown, {counts['failed_connects']} failed connects; "
        f"{leader.name} leads")


class Scene:
    def __init__(self, cluster, clients):
        self.cluster, self.clients = cluster, clients
        self.leader = cluster.whole()
        self.other = next(node for node in cluster.nodes if node is not self.leader)
        self.at = time.monotonic()

    def happened(self):
        self.at = time.monotonic()

    def writes_are_back(self):
        self.clients.wait_for_acknowledged(20, self.at, WRITES_BACK)


def test_the_node_of_the_primary_is_killed(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        scene.leader.kill()
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.other], 10)
        scene.leader.start()


def test_the_node_of_the_replica_is_killed(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        scene.other.kill()
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.leader], 10)
        scene.other.start()


def test_only_the_postmaster_of_the_primary_is_killed(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        scene.leader.kill_postmaster()
        scene.writes_are_back()


def test_the_primary_is_frozen_and_thawed(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        scene.leader.freeze()
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.other], 10)
        scene.leader.thaw()


def test_the_agent_of_the_primary_is_stopped_cleanly(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        scene.leader.stop()
        assert not scene.leader.postmaster(), "a clean stop stops PostgreSQL"
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.other], 10)
        scene.leader.start()


def test_the_agent_of_the_primary_is_killed_and_adopts_its_postgres(cluster):
    with under_load(cluster) as scene:
        before = scene.leader.postmaster()
        scene.happened()
        scene.leader.kill_agent()
        scene.leader.start()
        time.sleep(cluster.spec.timing.ttl + 2)  # the lease of the killed agent has run out, unless it was renewed
        assert scene.leader.postmaster() == before, "PostgreSQL was restarted"
        assert cluster.wait_for_leader_among([scene.leader], 10)


def test_switchover(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        answer = cluster.switchover_request(scene.leader, scene.other)
        assert answer and answer.status == 200, answer
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.other], 10)


def test_a_switchover_does_not_wait_for_the_archiver(archiving_cluster):
    cluster = archiving_cluster
    with under_load(cluster) as scene:
        scene.leader.query("select pg_switch_wal()")
        scene.happened()
        answer = cluster.switchover_request(scene.leader, scene.other)
        assert answer and answer.status == 200, answer
        scene.writes_are_back()
        assert cluster.wait_for_leader_among([scene.other], 10)
        assert scene.leader.postmaster(), "it archives what nobody else would"
        for node in cluster.nodes:
            (node.data / "archive_now").touch()


def test_every_process_is_restarted_once(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        cluster.restart_etcd_one_by_one(20)
        cluster.router.stop()
        cluster.router.start()
        scene.writes_are_back()
        for node in (scene.other, scene.leader):
            node.stop()
            node.start()
            cluster.wait_for_redundancy(WHOLE_BACK)


def test_everything_is_killed_at_once_and_started(cluster):
    with under_load(cluster) as scene:
        scene.happened()
        cluster.kill_everything()
        for part in [*cluster.etcd, *cluster.nodes, cluster.router]:
            part.start()
        scene.writes_are_back()
