"""What an operator may get wrong: the message names file, key and remedy, and data is never removed."""

import hashlib
import re
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import BINARY, STACK

from holdfast_dev import config, ports
from holdfast_dev.console import Failure, tail, wait_for
from holdfast_dev.node import Node
from holdfast_dev.sql import Session

pytestmark = pytest.mark.skipif(STACK != "holdfast", reason="these messages are holdfast's")

SAID_WITHIN = 30  # seconds for a message to turn up in a log


# A node's or a router's file that cannot be used: the program ends at once and says why.

def refused(role, file):
    """What `holdfast ROLE FILE` says; it must end by itself, and not with success."""
    result = subprocess.run([str(BINARY), role, str(file)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=20)
    assert result.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT), result
    return result.stderr + result.stdout


@pytest.fixture
def place():
    """A directory that the user who runs PostgreSQL can enter, other than pytest's own."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bad-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def node_file(place):
    """Writes a node's file, changed by the test; nothing in it is in use."""
    numbers = ports.free_ports(14)
    spec = config.Spec(ports=ports.ports_from(numbers), passwords=config.new_passwords())

    def write(change=lambda text: text, adjust=lambda node: None):
        node = config.node_config(spec, 1, place / "node1", place)
        adjust(node)
        file = place / "node1.yml"
        file.write_text(change(config.as_yaml(node)))
        return file

    return write


def test_malformed_yaml(node_file):
    file = node_file(lambda text: text.replace("scope: demo", "scope: [demo"))
    assert re.search(re.escape(str(file)) + r": line \d+.*malformed YAML", refused("agent", file))


def test_wrong_type(node_file):
    def adjust(node):
        node["postgresql"]["data_dir"] = {"path": "/srv"}
    said = refused("agent", node_file(adjust=adjust))
    assert re.search(r"node1\.yml: postgresql\.data_dir \(line \d+\): a text is expected, found a map", said)


def test_all_errors_at_once(node_file):
    def adjust(node):
        node["postgresql"]["listen"] = "127.0.0.1:543210"
        del node["scope"]
        del node["etcd3"]
    said = refused("agent", node_file(adjust=adjust))
    for key in ("postgresql.listen", "scope", "etcd3"):
        assert key in said


def test_a_file_that_is_not_there(tmp_path):
    file = tmp_path / "absent.yml"
    for role in ("agent", "router"):
        said = refused(role, file)
        assert str(file) in said and "No such file" in said


@pytest.mark.parametrize("key", ["certfile", "cafile"])
def test_a_certificate_that_cannot_be_read(node_file, place, key):
    certificate, private_key = make_certificate(place)
    missing = place / "missing.pem"

    def adjust(node):
        node["restapi"] |= {"certfile": str(certificate), "keyfile": str(private_key), key: str(missing)}
    said = refused("agent", node_file(adjust=adjust))
    assert str(missing) in said and f"restapi.{key}" in said


def test_a_certificate_that_is_none(node_file, place):
    garbage = place / "garbage.pem"
    garbage.write_text("this is no certificate\n")

    def adjust(node):
        node["etcd3"] |= {"protocol": "https", "cacert": str(garbage)}
    said = refused("agent", node_file(adjust=adjust))
    assert str(garbage) in said and "etcd3.cacert" in said


def test_a_router_file_with_mistakes(tmp_path):
    file = tmp_path / "router.yml"
    file.write_text("scope: demo\netcd3: {hosts: ['127.0.0.1:2379']}\nrouter: {read_write: 'nowhere', read_only: [1]}\n")
    said = refused("router", file)
    assert "router.yml" in said and "router.read_write" in said and "router.read_only" in said


def make_certificate(directory):
    certificate, private_key = directory / "server.pem", directory / "server.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", private_key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
                   check=True, capture_output=True)
    return certificate, private_key


# A third node that wants to join the running cluster with something wrong about it.

class Guest:
    """Another node of the shared cluster; it never becomes electable."""

    def __init__(self, cluster):
        numbers = ports.free_ports(2)
        all_nodes = (*cluster.spec.ports.nodes, ports.NodePorts(*numbers))
        self.spec = replace(cluster.spec, ports=replace(cluster.spec.ports, nodes=all_nodes))
        self.place = cluster.place
        self.node = Node(len(all_nodes), self.spec, cluster.place, cluster.stack)
        self.log = cluster.place.log_file(self.node.name)
        self.log.unlink(missing_ok=True)

    def write_config(self, adjust=lambda node: None):
        described = self.node.config()
        described["tags"] |= {"nofailover": True, "nosync": True}
        adjust(described)
        self.place.account.make_directory(self.node.directory)
        self.place.account.write_private(self.node.config_file, config.as_yaml(described))

    def says(self, *patterns, seconds=SAID_WITHIN):
        """Waits until the agent's log holds all of these, in whatever order."""
        def said():
            text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
            missing = [pattern for pattern in patterns if not re.search(pattern, text)]
            if missing:
                raise Failure(f"the log does not say {missing}; its end:\n{tail(self.log, 15)}")
            return True
        wait_for("a message", said, seconds)

    def remove(self):
        self.node.kill()
        subprocess.run(["rm", "-rf", str(self.node.directory)], check=True)
        self.place.pid_file(self.node.name).unlink(missing_ok=True)


@pytest.fixture
def guest(cluster):
    made = Guest(cluster)
    yield made
    made.remove()


def fingerprint(directory):
    """Names, sizes and contents of everything below a directory, without what a running server touches."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        digest.update(str(path.relative_to(directory)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def initdb(guest):
    """A cluster of its own in the guest's data directory."""
    subprocess.run([f"{config.BIN_DIR}/initdb", "-D", guest.node.data, "-U", "postgres", "--auth=trust", "--no-sync"],
                   check=True, capture_output=True, env=guest.place.account.environment(), cwd="/",
                   **guest.place.account.popen_arguments())


def test_unknown_key_is_named_with_the_nearest_known_one(guest):
    guest.write_config(lambda node: node["postgresql"].update(use_pg_rewnd=True))
    guest.node.start()
    guest.says(r"node3\.yml: postgresql\.use_pg_rewnd \(line \d+\): unknown key, did you mean use_pg_rewind\?")


def test_etcd_that_cannot_be_reached(guest):
    nobody = ports.free_ports(1)[0]
    guest.write_config(lambda node: node["etcd3"].update(hosts=[f"127.0.0.1:{nobody}"]))
    guest.node.start()
    guest.says(rf"127\.0\.0\.1:{nobody}", r"(?i)etcd")
    assert guest.node.agent(), "an agent waits for etcd"
    assert not guest.node.data.exists() or not any(guest.node.data.iterdir())
    guest.node.stop(seconds=15)


@pytest.mark.parametrize("of_its_own", [True, False], ids=["another_address", "the_same_address"])
def test_the_name_of_a_node_that_runs(guest, cluster, of_its_own):
    """Somebody copied a node's file, and changed too little of it."""
    taken = cluster.nodes[0].config()

    def adjust(node):
        node["name"] = taken["name"]
        if not of_its_own:
            node["restapi"]["connect_address"] = taken["restapi"]["connect_address"]
    guest.write_config(adjust)
    guest.node.start()
    guest.says(rf"there is already a node named '{taken['name']}' running")
    assert not guest.node.data.exists() or not any(guest.node.data.iterdir())
    cluster.check_alive()


def test_a_wrong_replication_password(guest):
    guest.write_config(lambda node: node["postgresql"]["authentication"]["replication"].update(password="wrong"))
    guest.node.start()
    guest.says(r"password authentication failed for user \"replicator\"",
               r"postgresql\.authentication\.replication")
    assert guest.node.agent()


def test_a_wrong_superuser_password(guest):
    guest.write_config(lambda node: node["postgresql"]["authentication"]["superuser"].update(password="wrong"))
    guest.node.start()
    guest.says(r"password authentication failed for user \"postgres\"",
               r"postgresql\.authentication\.superuser")
    assert guest.node.data.exists()


def test_the_data_directory_of_another_cluster(guest):
    guest.write_config()
    initdb(guest)
    before = fingerprint(guest.node.data)
    guest.node.start()
    guest.says(r"(?i)another cluster", r"system identifier", re.escape(str(guest.node.data)))
    time.sleep(2 * guest.spec.timing.loop_wait)
    assert fingerprint(guest.node.data) == before
    assert not guest.node.postmaster()


def test_the_data_directory_of_another_major_version(guest):
    guest.write_config()
    initdb(guest)
    (guest.node.data / "PG_VERSION").write_text("14\n")
    before = fingerprint(guest.node.data)
    guest.node.start()
    guest.says(re.escape(str(guest.node.data)), r"\b14\b", r"\b15\b")
    time.sleep(2 * guest.spec.timing.loop_wait)
    assert fingerprint(guest.node.data) == before
    assert not guest.node.postmaster()


def test_a_directory_with_something_else_in_it(guest):
    guest.write_config()
    guest.place.account.make_directory(guest.node.data)
    (guest.node.data / "precious.txt").write_text("the only copy\n")
    guest.node.start()
    guest.says(re.escape(str(guest.node.data)), r"(?i)not empty|no PostgreSQL|PG_VERSION")
    time.sleep(2 * guest.spec.timing.loop_wait)
    assert [path.name for path in guest.node.data.iterdir()] == ["precious.txt"]


def test_a_full_disk_while_cloning(guest):
    guest.write_config()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=24m,uid={guest.place.account.uid},mode=700",
                              "holdfast-test", guest.node.directory], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"may not mount a small disk here: {mounted.stderr.strip()}")
    try:
        guest.write_config()
        guest.node.start()
        guest.says(r"[Nn]o space left", re.escape(str(guest.node.data)), seconds=60)
        assert guest.node.agent(), "an agent survives a full disk and tries again"
    finally:
        guest.node.kill()
        subprocess.run(["umount", guest.node.directory], check=True)


# Garbage on every port closes that one connection and nothing else.

def length_prefixed(length, body=b""):
    return length.to_bytes(4, "big") + body


GARBAGE = {
    "random bytes": bytes((index * 37 + 11) % 256 for index in range(65536)),
    "zeros": bytes(100000),
    "a packet of 2 GiB, announced": length_prefixed(0x7FFFFFFF, b"\x00\x03\x00\x00user\x00"),
    "a negative length": length_prefixed(0xFFFFFFFF, b"\x00\x03\x00\x00"),
    "a packet shorter than its length": length_prefixed(3),
    "a truncated startup packet": length_prefixed(60, b"\x00\x03\x00\x00user\x00post"),
    "protocol 9.9": length_prefixed(17, b"\x00\x09\x00\x09user\x00a\x00\x00"),
    "a startup packet without user": length_prefixed(9, b"\x00\x03\x00\x00\x00"),
    "SSLRequest again and again": length_prefixed(8, (80877103).to_bytes(4, "big")) * 100,
    "a cancel request of nobody": length_prefixed(16, (80877102).to_bytes(4, "big") + bytes(8)),
    "an endless request line": b"GET /" + b"a" * 300000,
    "an endless header": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 50000,
    "a body of 1 TB, announced": b"POST /switchover HTTP/1.1\r\ncontent-length: 1099511627776\r\n\r\n{",
    "chunks without end": b"POST /switchover HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n" + bytes(9999),
    "HTTP 9.9": b"GET / HTTP/9.9\r\n\r\n",
    "deeply nested JSON": b"POST /switchover HTTP/1.1\r\ncontent-length: 50000\r\n\r\n" + b"[" * 50000,
}


def send_and_close(port, payload):
    with socket.create_connection((ports.HOST, port), timeout=5) as connection:
        connection.settimeout(2)
        try:
            connection.sendall(payload)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:  # closed meanwhile, as it should be
            pass


def test_garbage_on_every_port(cluster):
    before = {name: found.pid for name, found in cluster.parts().items()}
    router = cluster.router.ports
    ours = [router.read_write, router.read_only, router.dashboard, router.api,
            *(node.ports.rest for node in cluster.nodes)]
    password = cluster.spec.passwords["app"]
    with Session(router.read_write, "app", password, "app") as bystander:
        for port in ours:
            for payload in GARBAGE.values():
                send_and_close(port, payload)
        silent = [socket.create_connection((ports.HOST, port), timeout=5) for port in ours for _ in range(50)]
        assert bystander.execute("select 1") == [(1,)], "a connection that was there before goes on"
        for connection in silent:
            connection.close()
    assert {name: found.pid for name, found in cluster.parts().items() if found} == before
    assert cluster.router.query("insert into hello default values") is not None
    for node in cluster.nodes:
        assert node.rest("/patroni").status == 200
    assert cluster.whole()
