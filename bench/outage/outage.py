"""Write outages of Holdfast next to Debian's Patroni and HAProxy: the same events, on the same machine, with the same
etcd, the same PostgreSQL and the same node files, in turns. Run it with ./dev bench outage.

The outage of an event is the longest time in which no client of port 5000 got a commit acknowledged. Clients: four
threads that insert a row every 5 ms each and reconnect when their connection ends, one of them for every row.
"""

import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from holdfast_dev import config, ports, process
from holdfast_dev.cluster import Cluster
from holdfast_dev.console import Failure, say, wait_for
from holdfast_dev.history import History, rows_of

TIMINGS = {
    "default": config.Timing(ttl=30, loop_wait=10, retry_timeout=10),  # what Patroni's documentation starts from
    "quick": config.Timing(ttl=10, loop_wait=2, retry_timeout=3),
}
PARAMETERS = {"max_connections": 200}
GIVE_UP = 180  # seconds without a write after which an event counts as not survived
IDLE_SECONDS = 60


# The events. Each returns what brings the old node back, to be called when writes are through again.

def node_killed(cluster, leader, _):
    leader.kill()
    return leader.start


def postmaster_killed(cluster, leader, _):
    leader.kill_postmaster()
    return lambda: None


def node_frozen(cluster, leader, _):
    leader.freeze()
    return leader.thaw


def clean_stop(cluster, leader, _):
    leader.stop()
    return leader.start


def switchover(cluster, leader, other):
    answer = cluster.switchover_request(leader, other)
    if answer is None or answer.status != 200:
        raise Failure(f"switchover: {answer}")
    return lambda: None


def each_restarted(cluster, leader, other):
    """Every process once, one after another: etcd, the router, the replica's node, the leader's."""
    cluster.restart_etcd_one_by_one(30)
    cluster.router.stop()
    cluster.router.start()
    for node in (other, leader):
        node.stop()
        node.start()
        cluster.wait_for_redundancy(GIVE_UP)
    return lambda: None


def all_restarted(cluster, *_):
    """Everything is killed at once, and started."""
    for node in cluster.nodes:
        node.kill()
    cluster.router.stop(signal.SIGKILL)
    for member in cluster.etcd:
        member.stop(signal.SIGKILL)
    for part in [*cluster.etcd, *cluster.nodes, cluster.router]:
        part.start()
    return lambda: None


EVENTS = {event.__name__: event for event in (node_killed, postmaster_killed, node_frozen, clean_stop, switchover,
                                              each_restarted, all_restarted)}


class Stand:
    """The clusters under comparison, side by side on one etcd."""

    def __init__(self, stacks, binary, timing, root):
        self.binary, self.timing, self.root = binary, timing, root
        numbers = ports.free_ports(6 + 8 * len(stacks))
        self.etcd_ports = tuple(ports.EtcdPorts(*numbers[at:at + 2]) for at in (0, 2, 4))
        self.numbers = {stack: numbers[6 + 8 * at:14 + 8 * at] for at, stack in enumerate(stacks)}
        self.etcd = None
        self.made = 0
        self.clusters = {stack: self.new_cluster(stack) for stack in stacks}

    def new_cluster(self, stack):
        """A fresh cluster; its scope is new too, so nothing of an earlier one is left in etcd."""
        self.made += 1
        name = f"{stack}-{self.made}"
        own = iter(self.numbers[stack])
        taken = ports.Ports(ports.RouterPorts(*(next(own) for _ in range(4))),
                            tuple(ports.NodePorts(next(own), next(own)) for _ in range(2)), self.etcd_ports)
        spec = config.Spec(ports=taken, passwords=config.new_passwords(), timing=self.timing, stack=stack, scope=name,
                           parameters=PARAMETERS)
        cluster = Cluster.create(self.root / name, spec, self.binary if stack == "holdfast" else None, self.etcd)
        self.etcd = self.etcd or cluster.etcd
        say(f"{name}:")
        cluster.start()
        return cluster

    def whole(self, stack):
        """The cluster of this stack with its replica streaming; a new one if it did not heal by itself."""
        cluster = self.clusters[stack]
        try:
            cluster.wait_for_redundancy(120)
            return cluster, True
        except Failure as error:
            say(f"  {stack} did not become whole again: {error}; replaced by a new cluster")
            cluster.router.stop()
            for node in cluster.nodes:
                node.kill()
            self.clusters[stack] = self.new_cluster(stack)
            return self.clusters[stack], False

    def end(self):
        for cluster in self.clusters.values():
            cluster.kill_everything()
        for member in self.etcd or ():
            member.stop(9)


def measure(stand, stack, event):
    """One event under load on a whole cluster: what clients saw."""
    cluster, healed = stand.whole(stack)
    leader = cluster.whole()
    other = next(node for node in cluster.nodes if node is not leader)
    result = {"stack": stack, "event": event, "whole_before": healed}
    with History(cluster, writers=4, pace=0.005, direct=False) as clients:
        for client in clients.writers:
            client.patience = 10.0
        time.sleep(2)
        at = time.monotonic()
        bring_back = EVENTS[event](cluster, leader, other)
        try:
            clients.wait_for_acknowledged(20, time.monotonic(), GIVE_UP)
            time.sleep(1)
        except Failure:
            result["survived"] = False
        clients.stop()
    counts = clients.counts(at)
    result |= {"outage": round(clients.outage(at), 3), "acknowledged": counts["acknowledged"],
               "failed_statements": counts["refused"] + counts["unknown"], "failed_connects": counts["failed_connects"]}
    bring_back()
    survivor = wait_for("a leader to count rows on", cluster.leader, 120)
    result["lost"] = len(clients.lost(rows_of(survivor)))
    return result


def agent_processes(node):
    """The agent and what it started, without PostgreSQL."""
    names = {found: Path(f"/proc/{found.pid}/comm").read_text(encoding="utf-8").strip()
             for found in process.living_in(node.directory)}
    return [found for found, name in names.items() if name not in ("postgres", "pg_ctl")]


def measure_idle(stand, stack):
    """Memory (PSS) and processor time of agents and router while nobody connects."""
    cluster, _ = stand.whole(stack)
    parts = {"agent_leader": agent_processes(cluster.whole()), "router": [cluster.router.running()]}
    parts["agent_replica"] = next(agent_processes(node) for node in cluster.nodes if node is not cluster.leader())
    before = {part: process.cpu_seconds(found) for part, found in parts.items()}
    time.sleep(IDLE_SECONDS)
    return {part: {"pss_mib": round(process.memory_pss(found) / 2**20, 1),
                   "cpu_percent": round((process.cpu_seconds(found) - before[part]) / IDLE_SECONDS * 100, 2)}
            for part, found in parts.items()}


def measure_first_write(stack, binary, timing, root):
    """Seconds from nothing (but the programs) to the first commit through the router; everything is new."""
    spec = config.Spec(ports=ports.ports_from(ports.free_ports(14)), passwords=config.new_passwords(), timing=timing,
                       stack=stack, parameters=PARAMETERS)
    cluster = Cluster.create(root, spec, binary if stack == "holdfast" else None)
    try:
        return round(cluster.start()["first_write"], 2)
    finally:
        cluster.kill_everything()
        shutil.rmtree(root, ignore_errors=True)


def version(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (result.stdout.strip().splitlines() or [""])[0]


def machine(stacks, binary):
    versions = {"postgresql": version("/usr/lib/postgresql/15/bin/postgres", "--version"),
                "etcd": version("/usr/bin/etcd", "--version")}
    if "patroni" in stacks:
        versions |= {"patroni": version("/usr/bin/patroni", "--version"),
                     "haproxy": version("/usr/sbin/haproxy", "-v")}
    if "holdfast" in stacks:
        versions["holdfast"] = version(str(binary), "--version")
    return {"processors": os.cpu_count(), "kernel": platform.release(), "versions": versions}


def spread(values):
    """median (min to max)"""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def print_table(report):
    stacks = report["stacks"]
    say(f"\nOutage of writes in seconds, median (min to max) of {report['runs']}; failed statements; lost rows"
        f"\n{report['timing_name']} timing: {report['timing']}")
    say(f"{'':<20}" + "".join(f"{stack:<58}" for stack in stacks))
    for event in report["events"]:
        cells = []
        for stack in stacks:
            found = [run for run in report["results"] if run["stack"] == stack and run["event"] == event]
            failed = [run["failed_statements"] + run["failed_connects"] for run in found]
            cells.append(f"{spread([run['outage'] for run in found])}; {min(failed)} to {max(failed)} failed; "
                         f"{sum(run['lost'] for run in found)} lost" if found else "-")
        say(f"{event.replace('_', ' '):<20}" + "".join(f"{cell:<58}" for cell in cells))
    first_writes = [report["first_write"].get(stack) for stack in stacks]
    say(f"{'up to first write':<20}" + "".join(f"{spread(seconds) if seconds else '-':<58}" for seconds in first_writes))
    for part in ("agent_leader", "agent_replica", "router"):
        cells = []
        for stack in stacks:
            idle = report["idle"].get(stack, {}).get(part)
            cells.append(f"{idle['pss_mib']} MiB, {idle['cpu_percent']} % of a processor" if idle else "-")
        say(f"{'idle ' + part.replace('_', ' '):<20}" + "".join(f"{cell:<58}" for cell in cells))


def run(arguments, binary):
    stacks, events = arguments.stacks, arguments.events or list(EVENTS)
    timing = TIMINGS[arguments.timing]
    report = {"machine": machine(stacks, binary), "stacks": stacks, "events": events, "runs": arguments.runs,
              "timing_name": arguments.timing, "timing": asdict(timing), "first_write": {}, "idle": {}, "results": []}
    root = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    root.chmod(0o755)
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(shutil.rmtree, root, ignore_errors=True)
        for number in range(0 if arguments.events else arguments.runs):
            for stack in stacks:
                say(f"first write, {stack}, run {number + 1}:")
                seconds = measure_first_write(stack, binary, timing, root / f"first-{stack}-{number}")
                report["first_write"].setdefault(stack, []).append(seconds)
        stand = Stand(stacks, binary, timing, root)
        cleanup.callback(stand.end)
        for stack in [] if arguments.events else stacks:
            report["idle"][stack] = measure_idle(stand, stack)
            say(f"{stack}, idle: {report['idle'][stack]}")
        for number in range(arguments.runs):
            for event in events:
                for stack in stacks:
                    result = measure(stand, stack, event) | {"run": number + 1}
                    report["results"].append(result)
                    say(f"run {number + 1}  {event:<18} {stack:<10} outage {result['outage']:6.2f} s, "
                        f"{result['failed_statements']} statements and {result['failed_connects']} connects failed, "
                        f"{result['lost']} lost")
                    write(report, arguments.json)
    print_table(report)
    say(f"\nAll numbers: {arguments.json}")


def write(report, path):
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
