"""The two stacks that a cluster can be made of: holdfast, or Debian's patroni and haproxy in the same places.

HOLDFAST_PATRONI   a directory with another `patroni` and `patronictl`, to test together with that version
"""

import os
from dataclasses import dataclass

from . import config
from .console import Failure

PATRONI = os.environ.get("HOLDFAST_PATRONI") or "/usr/bin"


@dataclass(frozen=True)
class Holdfast:
    binary: str
    name: str = "holdfast"

    def agent_argv(self, config_file):
        return [self.binary, "agent", config_file]

    def router_argv(self, config_file):
        return [self.binary, "router", config_file]

    def router_config(self, spec):
        return "router.yml", config.as_yaml(config.router_config(spec))

    def ctl_argv(self, command, config_file, *arguments):
        return [self.binary, command, "-c", config_file, *arguments]


@dataclass(frozen=True)
class Classic:
    """Patroni and HAProxy as Debian 12 ships them."""
    name: str = "patroni"

    def agent_argv(self, config_file):
        return [f"{PATRONI}/patroni", config_file]

    def router_argv(self, config_file):
        return ["/usr/sbin/haproxy", "-db", "-f", config_file]

    def router_config(self, spec):
        return "haproxy.cfg", config.haproxy_config(spec)

    def ctl_argv(self, command, config_file, *arguments):
        return [f"{PATRONI}/patronictl", "-c", config_file, command, *arguments]


def stack_named(name, binary=None):
    if name == "patroni":
        return Classic()
    if name == "holdfast":
        return Holdfast(str(binary))
    raise Failure(f"unknown stack '{name}': expected holdfast or patroni")
