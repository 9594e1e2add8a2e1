"""The configuration files of a cluster, as values; holdfast and Patroni read the same node files."""

import json
import secrets
from dataclasses import asdict, dataclass, field

import yaml

from .ports import HOST, EtcdPorts, NodePorts, Ports, RouterPorts

NAMESPACE = "/service/"
BIN_DIR = "/usr/lib/postgresql/15/bin"
USERS = ("postgres", "replicator", "rewind", "app")


@dataclass(frozen=True)
class Timing:
    """Patroni's three knobs, in seconds; loop_wait + 2 * retry_timeout must not exceed ttl."""
    ttl: int = 10
    loop_wait: int = 2
    retry_timeout: int = 3


@dataclass(frozen=True)
class Spec:
    """All that makes one cluster: written once, read by every later command."""
    ports: Ports
    passwords: dict
    timing: Timing = Timing()
    synchronous_mode: bool = True
    failsafe_mode: bool = False
    stack: str = "holdfast"
    scope: str = "demo"
    parameters: dict = field(default_factory=dict)  # of PostgreSQL, on top of ours

    def to_json(self):
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text):
        raw = json.loads(text)
        ports = raw.pop("ports")
        raw["ports"] = Ports(RouterPorts(**ports["router"]), tuple(NodePorts(**node) for node in ports["nodes"]),
                             tuple(EtcdPorts(**member) for member in ports["etcd"]))
        raw["timing"] = Timing(**raw["timing"])
        return cls(**raw)


def new_passwords():
    return {user: secrets.token_urlsafe(18) for user in USERS}


def etcd_hosts(spec):
    return [f"{HOST}:{member.client}" for member in spec.ports.etcd]


def postgres_parameters(spec, log_directory, log_name):
    return {
        "listen_addresses": HOST,
        "max_connections": 100,
        "shared_buffers": "64MB",
        "dynamic_shared_memory_type": "mmap",  # in the data directory: /dev/shm is small in containers
        "wal_level": "replica",
        "wal_log_hints": "on",
        "wal_keep_size": "128MB",
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        "password_encryption": "scram-sha-256",
        "unix_socket_directories": "",  # their default belongs to Debian's cluster and its group
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "logging_collector": "on",
        "log_directory": str(log_directory),
        "log_filename": log_name,
        "log_file_mode": "0600",
        "log_rotation_age": 0,
        **spec.parameters,
    }


def node_config(spec, number, directory, log_directory):
    ports = spec.ports.nodes[number - 1]
    name = f"node{number}"
    per_cluster = postgres_parameters(spec, log_directory, f"{name}-postgresql.log")
    own = {key: per_cluster.pop(key) for key in ("listen_addresses", "log_directory", "log_filename")}
    del own["listen_addresses"]  # comes from postgresql.listen
    login = {user: {"username": user, "password": spec.passwords[user]} for user in USERS}
    return {
        "scope": spec.scope,
        "namespace": NAMESPACE,
        "name": name,
        "restapi": {"listen": f"{HOST}:{ports.rest}", "connect_address": f"{HOST}:{ports.rest}"},
        "etcd3": {"hosts": etcd_hosts(spec)},
        "bootstrap": {
            "dcs": {
                **asdict(spec.timing),
                "maximum_lag_on_failover": 1048576,
                "synchronous_mode": spec.synchronous_mode,
                "failsafe_mode": spec.failsafe_mode,
                "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": per_cluster},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums",
                       {"auth-local": "scram-sha-256"}, {"auth-host": "scram-sha-256"}],
        },
        "postgresql": {
            "listen": f"{HOST}:{ports.postgres}",
            "connect_address": f"{HOST}:{ports.postgres}",
            "data_dir": str(directory / "data"),
            "bin_dir": BIN_DIR,
            "pgpass": str(directory / "pgpass"),
            "authentication": {"superuser": login["postgres"], "replication": login["replicator"],
                               "rewind": login["rewind"]},
            "parameters": own,
            "pg_hba": [f"host replication replicator {HOST}/32 scram-sha-256",
                       f"host all all {HOST}/32 scram-sha-256"],
            "basebackup": [{"checkpoint": "fast"}],
        },
        "tags": {"nofailover": False, "noloadbalance": False, "clonefrom": False, "nosync": False},
    }


def router_config(spec):
    router = spec.ports.router
    return {
        "scope": spec.scope,
        "namespace": NAMESPACE,
        "etcd3": {"hosts": etcd_hosts(spec)},
        "router": {use: f"{HOST}:{port}" for use, port in asdict(router).items()},
    }


# The configuration that Patroni's documentation gives for HAProxy, with our ports and the read-only listener that
# the same page describes. https://patroni.readthedocs.io/en/latest/rest_api.html
HAPROXY = """\
global
    maxconn 100

defaults
    log global
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s

listen stats
    mode http
    bind {host}:{dashboard}
    stats enable
    stats uri /

listen primary
    bind {host}:{read_write}
    option httpchk GET /primary
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
{servers}

listen replicas
    bind {host}:{read_only}
    option httpchk GET /replica
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
{servers}
"""


def haproxy_config(spec):
    servers = "\n".join(f"    server node{number} {HOST}:{node.postgres} maxconn 100 check port {node.rest}"
                        for number, node in enumerate(spec.ports.nodes, 1))
    return HAPROXY.format(host=HOST, servers=servers, **asdict(spec.ports.router))


def as_yaml(value):
    return yaml.safe_dump(value, sort_keys=False, default_flow_style=False)
