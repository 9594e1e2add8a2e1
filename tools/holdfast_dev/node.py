"""One node: an agent (holdfast's or Patroni's) and the PostgreSQL it owns."""

import signal

from . import config, process, rest, sql
from .console import Ended, Failure


class Node:
    def __init__(self, number, spec, place, stack):
        self.number = number
        self.name = f"node{number}"
        self.ports = spec.ports.nodes[number - 1]
        self._spec = spec
        self._place = place
        self._stack = stack

    @property
    def directory(self):
        return self._place.root / self.name

    @property
    def config_file(self):
        return self.directory / f"{self.name}.yml"

    @property
    def data(self):
        return self.directory / "data"

    def config(self):
        return config.node_config(self._spec, self.number, self.directory, self._place.logs)

    def write_config(self):
        self._place.account.make_directory(self.directory)
        self._place.account.write_private(self.config_file, config.as_yaml(self.config()))

    def run_with(self, stack):
        """Another agent from the next start on; it reads the same file."""
        self._stack = stack

    # Processes

    def agent(self):
        return process.Process.load(self._place.pid_file(self.name))

    def postmaster(self):
        """PostgreSQL's first process, by its pid file, if it runs."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        found = process.Process.of(pid)
        home = process.cwd_of(pid) if found else ""
        return found if home == str(self.data) else None

    def start(self):
        if self.agent():
            return
        started = process.spawn(self._stack.agent_argv(self.config_file), self.directory,
                                self._place.log_file(self.name), self._place.account)
        started.save(self._place.pid_file(self.name))

    def check_alive(self):
        if not self.agent():
            raise Ended(f"the agent of {self.name} ended by itself", self._place.log_file(self.name))

    def stop(self, seconds=60):
        """Cleanly: the agent hands over, stops PostgreSQL and ends."""
        agent = self.agent()
        if agent:
            agent.signal(signal.SIGTERM)
            if not agent.wait_gone(seconds):
                raise Failure(f"the agent of {self.name} (pid {agent.pid}) did not end within {seconds} s of SIGTERM")
        left = self.postmaster()
        if left:  # its agent had been killed before
            left.signal(signal.SIGINT)
            if not left.wait_gone(seconds):
                raise Failure(f"PostgreSQL of {self.name} (pid {left.pid}) does not stop")
        process.end_all(self.directory, signal.SIGTERM)
        self._place.pid_file(self.name).unlink(missing_ok=True)

    def kill(self):
        """As a power failure: every process of the node ends at once."""
        process.signal_all(self.directory, signal.SIGSTOP)  # first, so that nobody reacts to another's end
        killed = process.end_all(self.directory, signal.SIGKILL)
        if self.agent() or self.postmaster():
            raise Failure(f"{self.name} still runs: this machine does not let us see the processes of "
                          f"'{self._place.account.name}'")
        return len(killed)

    def kill_postmaster(self):
        running = self.postmaster()
        if not running or not running.signal(signal.SIGKILL):
            raise Failure(f"{self.name} has no running PostgreSQL")

    def kill_agent(self):
        running = self.agent()
        if not running or not running.signal(signal.SIGKILL):
            raise Failure(f"{self.name} has no running agent")
        running.wait_gone(10)

    def freeze(self):
        process.signal_all(self.directory, signal.SIGSTOP)

    def thaw(self):
        for frozen in process.living_in(self.directory):
            frozen.signal(signal.SIGCONT)

    # What it says

    def rest(self, path, seconds=2.0, **options):
        return rest.request(self.ports.rest, path, seconds=seconds, **options)

    def is_leader(self):
        return rest.status(self.ports.rest, "/primary", seconds=1) == 200

    def query(self, statement, arguments=(), user="postgres", **options):
        return sql.query(self.ports.postgres, user, self._spec.passwords[user], statement, arguments, **options)

    def accepts_writes(self):
        """Asked at PostgreSQL itself, whatever the agent says."""
        return self.query("select not pg_is_in_recovery()", seconds=1) == [(True,)]

    def streaming_replicas(self):
        """{name: sync_state} of the standbys that stream from here; None when it could not be asked."""
        rows = self.query("select application_name, sync_state from pg_stat_replication where state = 'streaming'")
        return dict(rows) if rows is not None else None
