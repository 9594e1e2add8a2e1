"""A Patroni cluster of Debian's packages becomes ours, and Patroni's again, under load and without a restart of
PostgreSQL."""

import subprocess
from pathlib import Path

import pytest
from conftest import STACK
from failover_test import under_load
from holdfast_dev import process
from holdfast_dev.console import wait_for

pytestmark = pytest.mark.skipif(STACK == "patroni", reason="takes Patroni over by itself")


def takeover(cluster, step, node):
    """Runs it, and finds the agent that runs afterwards. Returns what was printed."""
    done = subprocess.run([cluster.holdfast, "takeover", step, node.config_file], capture_output=True, text=True,
                          timeout=240, check=False)
    assert done.returncode == 0, f"takeover {step} of {node.name}:\n{done.stdout}{done.stderr}"
    if step != "--check":
        agents = [found for found in process.living_in(node.directory) if is_agent(found.pid)]
        assert len(agents) == 1, agents
        agents[0].save(cluster.place.pid_file(node.name))
    return done.stdout


def is_agent(pid):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return False
    return b"agent" in words or any(word.endswith((b"/patroni", b"/patroni.py")) for word in words)


def is_ours(node):
    answer = node.rest("/patroni")
    return answer is not None and "holdfast" in answer.json()


def is_paused(cluster):
    return any("pause" in member for member in cluster.members()) or \
        "pause" in (cluster.nodes[0].rest("/config").json() or {})


def test_a_loaded_cluster_is_taken_over_and_given_back(patroni):
    cluster = patroni
    with under_load(cluster) as scene:
        before = {node.name: node.postmaster() for node in cluster.nodes}
        order = (scene.other, scene.leader)
        scene.happened()
        for node in order:
            assert "nothing is in the way" in takeover(cluster, "--check", node)
            assert not is_ours(node), "--check changes nothing"
            takeover(cluster, "--start", node)
            assert is_ours(node)
        assert {node.name: node.postmaster() for node in cluster.nodes} == before, "PostgreSQL was restarted"
        assert not is_paused(cluster)
        wait_for("the leader leads as before", lambda: cluster.leader() is scene.leader, 30)
        refused = subprocess.run([cluster.holdfast, "takeover", "--rollback", scene.leader.config_file],
                                 capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 1 and "switch over first" in refused.stdout, refused
        before = {node.name: node.postmaster() for node in cluster.nodes}
        takeover(cluster, "--rollback", scene.other)
        assert not is_ours(scene.other)
        assert {node.name: node.postmaster() for node in cluster.nodes} == before, "PostgreSQL was restarted"
        cluster.wait_for_redundancy(90)
        answer = cluster.switchover_request(scene.leader, scene.other)
        assert answer and answer.status == 200, answer
        cluster.wait_for_redundancy(90)
        before = {node.name: node.postmaster() for node in cluster.nodes}
        takeover(cluster, "--rollback", scene.leader)
        assert not is_ours(scene.leader)
        assert {node.name: node.postmaster() for node in cluster.nodes} == before, "PostgreSQL was restarted"
        assert not is_paused(cluster)
        scene.writes_are_back()


def test_mixed_members_hand_over_in_both_directions(patroni):
    cluster = patroni
    with under_load(cluster) as scene:
        scene.happened()
        takeover(cluster, "--start", scene.other)
        for leader, candidate in ((scene.leader, scene.other), (scene.other, scene.leader)):
            cluster.wait_for_redundancy(90)
            answer = cluster.switchover_request(leader, candidate)
            assert answer and answer.status == 200, answer
            wait_for(f"{candidate.name} leads", lambda: cluster.leader() is candidate, 60)
        scene.writes_are_back()


def test_a_takeover_that_cannot_be_is_refused_before_anything_is_done(patroni):
    node = patroni.nodes[0]
    before = node.agent(), node.postmaster()
    text = node.config_file.read_text()
    wrong = node.directory / "wrong.yml"
    patroni.place.account.write_private(wrong, text.replace(f"name: {node.name}", "name: nobody"))
    done = subprocess.run([patroni.holdfast, "takeover", "--start", wrong], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 1
    assert "PROBLEM  etcd has no running member nobody" in done.stdout
    assert (node.agent(), node.postmaster()) == before
    assert not is_paused(patroni)
    again = subprocess.run([patroni.holdfast, "takeover", "--rollback", node.config_file], capture_output=True,
                           text=True, timeout=60, check=False)
    assert again.returncode == 1
    assert "is Patroni already" in again.stdout
