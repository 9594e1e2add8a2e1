"""The router in front of the nodes: holdfast's, or HAProxy."""

import signal

from . import process, sql
from .console import Ended


class Router:
    name = "router"

    def __init__(self, spec, place, stack):
        self.ports = spec.ports.router
        self._spec = spec
        self._place = place
        self._stack = stack

    @property
    def directory(self):
        return self._place.root / self.name

    @property
    def config_file(self):
        return self.directory / self._stack.router_config(self._spec)[0]

    def write_config(self):
        self._place.account.make_directory(self.directory)
        self._place.account.write_private(self.config_file, self._stack.router_config(self._spec)[1])

    def run_with(self, stack):
        """Another router from the next start on, on the same ports."""
        self._stack = stack
        self.write_config()

    def running(self):
        return process.Process.load(self._place.pid_file(self.name))

    def start(self):
        if self.running():
            return
        started = process.spawn(self._stack.router_argv(self.config_file), self.directory,
                                self._place.log_file(self.name), self._place.account)
        started.save(self._place.pid_file(self.name))

    def check_alive(self):
        if not self.running():
            raise Ended("the router ended by itself", self._place.log_file(self.name))

    def stop(self, number=signal.SIGTERM, seconds=10):
        running = self.running()
        if running:
            running.signal(number)
            if not running.wait_gone(seconds):
                running.signal(signal.SIGKILL)
                running.wait_gone(5)
        self._place.pid_file(self.name).unlink(missing_ok=True)

    def query(self, statement, arguments=(), user="app", database="app", read_only=False, **options):
        port = self.ports.read_only if read_only else self.ports.read_write
        return sql.query(port, user, self._spec.passwords[user], statement, arguments, database=database, **options)
