"""A real cluster for the scenarios: made once, shared while it is whole, kept with its logs when a test fails.

HOLDFAST_BINARY    the program under test; the one with sanitizers (build/dev) when it is not set
HOLDFAST_STACK     patroni: run the scenarios against Debian's patroni and haproxy, to test the scenarios
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools"))

from holdfast_dev import config, ports  # noqa: E402
from holdfast_dev.cluster import Cluster  # noqa: E402
from holdfast_dev.console import Failure, tail  # noqa: E402
from holdfast_dev.stack import PATRONI  # noqa: E402

STACK = os.environ.get("HOLDFAST_STACK", "holdfast")
BINARY = os.environ.get("HOLDFAST_BINARY") or CHECKOUT / "build" / "dev" / "holdfast"
# Shorter than any default, so that a scenario takes seconds; loop_wait + 2 * retry_timeout fits in ttl.
TIMING = config.Timing(ttl=5, loop_wait=1, retry_timeout=2)
PARAMETERS = {"shared_buffers": "16MB", "max_connections": 200}

# Two workers of pytest-xdist must not choose the same port: while a server is down, its port looks free.
ports.share = (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
               int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def new_cluster(place=None, **settings):
    root = Path(tempfile.mkdtemp(prefix="holdfast-e2e-", dir=place))
    root.chmod(0o755)
    spec = config.Spec(ports=ports.ports_from(ports.free_ports(14)), passwords=config.new_passwords(), timing=TIMING,
                       stack=STACK, **{"parameters": PARAMETERS, **settings})
    return Cluster.create(root, spec, None if STACK == "patroni" else BINARY)


def check_sanitizers(cluster):
    """What a sanitizer found is in the log of the process it found it in."""
    for log in cluster.place.logs.glob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert "Sanitizer:" not in text and "runtime error:" not in text, f"a sanitizer's report, see {log}"


def discard(cluster):
    cluster.kill_everything()
    check_sanitizers(cluster)
    shutil.rmtree(cluster.place.root, ignore_errors=True)


class Shared:
    """The cluster that scenarios share. A scenario gets a whole one, or a new one; one that failed is kept as it is."""

    def __init__(self, **settings):
        self.settings = settings
        self.cluster = None

    def lend(self, request):
        if self.cluster is not None:
            try:
                self.cluster.check_alive()
                self.cluster.wait_for_redundancy(seconds=20)
            except Failure:
                self.discard()
        if self.cluster is None:
            self.cluster = request.node.used_cluster = new_cluster(**self.settings)
            try:
                self.cluster.start()
            except Failure:
                self.keep()
                raise
        request.node.used_cluster = self.cluster
        yield self.cluster
        if getattr(request.node, "failed", False):
            self.keep()
        else:
            check_sanitizers(self.cluster)

    def keep(self):
        self.cluster.kill_everything()
        self.cluster = None

    def discard(self):
        if self.cluster is not None:
            discard(self.cluster)
        self.cluster = None


shared = Shared()
with_failsafe_mode = Shared(failsafe_mode=True)
# Whose archivers wait for a file in their data directory.
archiving = Shared(parameters={
    **PARAMETERS, "archive_mode": "on",
    "archive_command": "timeout 120 sh -c 'until [ -e archive_now ]; do sleep 0.1; done'"})


@pytest.fixture
def cluster(request):
    yield from shared.lend(request)


@pytest.fixture
def failsafe_cluster(request):
    yield from with_failsafe_mode.lend(request)


@pytest.fixture
def archiving_cluster(request):
    yield from archiving.lend(request)


@pytest.fixture
def patroni(request):
    """A cluster of Debian's patroni and haproxy, and where our program is installed beside it."""
    missing = [name for name in (f"{PATRONI}/patroni", "/usr/sbin/haproxy") if not Path(name).exists()]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    spec = config.Spec(ports=ports.ports_from(ports.free_ports(14)), passwords=config.new_passwords(), timing=TIMING,
                       stack="patroni", parameters=PARAMETERS)
    cluster = Cluster.create(Path(tempfile.mkdtemp(prefix="holdfast-e2e-")), spec)
    cluster.holdfast = cluster.place.install(BINARY)
    request.node.used_cluster = cluster
    try:
        cluster.start()
    except Failure:
        cluster.kill_everything()
        raise
    yield cluster
    if getattr(request.node, "failed", False):
        cluster.kill_everything()
    else:
        discard(cluster)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed = True
        used = getattr(item, "used_cluster", None)
        if used is not None:
            report.sections.append(("kept for you to look at", str(used.place.root)))
            for log in sorted(used.place.logs.glob("*.log")):
                report.sections.append((f"the end of {log}", tail(log, 40)))


def pytest_sessionfinish():
    for source in (shared, with_failsafe_mode, archiving):
        source.discard()
