"""A whole cluster on this machine: three etcd, two nodes, a router."""

import os
import shlex
import signal
import time

from . import config
from .console import Failure, step, wait_for
from .etcd import Etcd
from .node import Node
from .place import Place
from .ports import HOST, require_free
from .rest import request
from .router import Router
from .stack import stack_named


class Cluster:
    def __init__(self, place, spec, binary=None, etcd=None):
        """With `etcd`, uses those members (of another cluster) and neither starts nor stops them."""
        self.place = place
        self.spec = spec
        self.stack = stack_named(spec.stack, binary or place.root / "bin" / "holdfast")
        self.owns_etcd = etcd is None
        self.etcd = etcd or [Etcd(number, spec, place) for number in range(1, len(spec.ports.etcd) + 1)]
        self.nodes = [Node(number, spec, place, self.stack) for number in range(1, len(spec.ports.nodes) + 1)]
        self.router = Router(spec, place, self.stack)

    @classmethod
    def create(cls, root, spec, binary=None, etcd=None):
        place = Place(root)
        place.make()
        place.spec_file.touch(mode=0o600)
        place.spec_file.write_text(spec.to_json(), encoding="utf-8")
        if binary:
            binary = place.install(binary)
        cluster = cls(place, spec, binary, etcd)
        for part in [*cluster.nodes, cluster.router]:
            part.write_config()
        cluster.write_pgpass()
        return cluster

    @classmethod
    def open(cls, root):
        place = Place(root)
        if not place.exists():
            raise Failure(f"there is no cluster in {root}; ./dev up makes one")
        return cls(place, config.Spec.from_json(place.spec_file.read_text(encoding="utf-8")))

    def write_pgpass(self):
        """https://www.postgresql.org/docs/15/libpq-pgpass.html"""
        lines = [f"{HOST}:*:*:{user}:{password}\n" for user, password in self.spec.passwords.items()]
        with os.fdopen(os.open(self.place.pgpass, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.writelines(lines)

    # Starting and stopping

    def parts(self):
        """Every process of ours by name, in the order of starting; the value is the Process, or None."""
        return ({member.name: member.running() for member in self.etcd} |
                {node.name: node.agent() for node in self.nodes} | {self.router.name: self.router.running()})

    def require_free_ports(self):
        """Of all parts that do not run. A PostgreSQL that runs without its agent keeps its port: it is adopted."""
        wanted = []
        for member in self.etcd:
            wanted += [] if member.running() else [member.ports.client, member.ports.peer]
        for node in self.nodes:
            wanted += [] if node.agent() else [node.ports.rest]
            wanted += [] if node.agent() or node.postmaster() else [node.ports.postgres]
        if not self.router.running():
            ports = self.router.ports
            wanted += [ports.read_write, ports.read_only, ports.dashboard, ports.api]
        require_free(self.spec.ports, wanted)

    def start(self):
        """Starts what does not run and waits until the cluster is whole. Returns {milestone: seconds since start}."""
        began = time.monotonic()
        reached = {}
        with step("etcd: three members agree on a leader"):
            self.start_etcd()
        for node in self.nodes:
            node.start()
        self.router.start()
        with step("PostgreSQL: a leader is elected") as note:
            leader = self.wait_for_leader()
            note(leader.name)
        reached["leader"] = time.monotonic() - began
        with step("router: first write committed through it"):
            self.make_application()
            self.wait_for_write()
        reached["first_write"] = time.monotonic() - began
        with step("PostgreSQL: the replica streams") as note:
            leader = self.wait_for_redundancy()
            note(", ".join(f"{name} {state}" for name, state in (leader.streaming_replicas() or {}).items()))
        reached["redundant"] = time.monotonic() - began
        return reached

    def start_etcd(self, seconds=30):
        if self.owns_etcd:
            for member in self.etcd:
                member.start()

        def healthy():
            for member in self.etcd:
                member.check_alive()
            return all(member.healthy() for member in self.etcd)

        wait_for("etcd", healthy, seconds)

    def check_alive(self):
        for part in [*self.etcd, *self.nodes, self.router]:
            part.check_alive()

    def leader(self):
        """The node whose agent says that it leads and whose PostgreSQL agrees; None when there is none, or two."""
        leaders = [node for node in self.nodes if node.agent() and node.is_leader()]
        return leaders[0] if len(leaders) == 1 and leaders[0].accepts_writes() else None

    def wait_for_leader(self, seconds=120):
        def elected():
            self.check_alive()
            return self.leader()

        return wait_for("a leader", elected, seconds)

    def wait_for_leader_among(self, nodes, seconds):
        def leads():
            leader = self.leader()
            return leader if leader in nodes else None

        return wait_for(f"{' or '.join(node.name for node in nodes)} leads", leads, seconds)

    def whole(self):
        """The leader, when every other node streams from it, synchronously where that is asked for."""
        leader = self.leader()
        if leader is None:
            return None
        streaming = leader.streaming_replicas()
        others = {node.name for node in self.nodes} - {leader.name}
        if streaming is None or set(streaming) != others:
            raise Failure(f"{leader.name} leads; streaming from it: {streaming or 'nobody'}")
        if self.spec.synchronous_mode:
            roles = {member.get("role") for member in self.members()}  # as written to etcd: these may be elected
            if not {"sync", "quorum"} & set(streaming.values()) or not {"sync_standby", "quorum_standby"} & roles:
                raise Failure(f"{leader.name} leads; no standby is synchronous: {streaming}, roles {sorted(map(str, roles))}")
        return leader

    def wait_for_redundancy(self, seconds=180):
        return wait_for("a leader and a streaming replica", self.whole, seconds)

    def make_application(self, seconds=60):
        """The role and the database that applications use; made on the first start, found on later ones."""
        def made():
            for name, statement in (("pg_roles where rolname", "create role app login password %s"),
                                    ("pg_database where datname", "create database app owner app")):
                there = self.router.query(f"select 1 from {name} = 'app'", user="postgres", database="postgres")
                arguments = (self.spec.passwords["app"],) if "%s" in statement else ()
                if there is None or (not there and self.router.query(
                        statement, arguments, user="postgres", database="postgres", seconds=20) is None):
                    raise Failure("the router does not reach a primary")
            return True

        wait_for("the application's role and database", made, seconds)

    def wait_for_write(self, seconds=60):
        """An empty list of rows means committed; None means that it is not known, so it is tried again."""
        self_made = "create table if not exists hello (at timestamptz default now())"
        wait_for("a write through the router",
                 lambda: self.router.query(self_made) is not None and
                 self.router.query("insert into hello default values") is not None, seconds)

    def stop(self, say=lambda doing: step(doing)):
        """Cleanly, the leader last, so that stopping causes no failover. Data stays."""
        with say("router stopped"):
            self.router.stop()
        leader = self.leader()
        for node in sorted(self.nodes, key=lambda node: node is leader):
            with say(f"{node.name} stopped"):
                node.thaw()
                node.stop()
        with say("etcd stopped"):
            for member in self.etcd:
                member.stop(signal.SIGTERM)

    def kill_everything(self):
        """Nothing of this cluster runs afterwards."""
        self.router.stop(signal.SIGKILL)
        for node in self.nodes:
            node.kill()
        for member in self.etcd if self.owns_etcd else ():
            member.stop(signal.SIGKILL)

    def restart_etcd_one_by_one(self, seconds):
        for member in self.etcd:
            member.stop(signal.SIGKILL)
            member.start()
            wait_for(f"{member.name} is back", member.healthy, seconds)

    # Commands and answers

    def switchover_request(self, leader, candidate):
        """Asks the leader's REST API, as both stacks offer it; the answer comes when it is done."""
        return leader.rest("/switchover", method="POST", body={"leader": leader.name, "candidate": candidate.name},
                           seconds=90)

    def members(self):
        """What the cluster says about itself: the members of /cluster from the first agent that answers."""
        for node in self.nodes:
            answer = request(node.ports.rest, "/cluster", seconds=1)
            if answer and answer.status == 200:
                return answer.json().get("members", [])
        return []

    def connection_string(self, read_only=False):
        port = self.router.ports.read_only if read_only else self.router.ports.read_write
        return f"postgresql://app@{HOST}:{port}/app"

    def psql(self):
        return f"PGPASSFILE={shlex.quote(str(self.place.pgpass))} psql {self.connection_string()}"
