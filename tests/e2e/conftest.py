"""A real cluster for the scenarios: made once, shared while it is whole, kept with its logs when a test fails.

HOLDFAST_BINARY    the program under test (./dev test e2e sets it)
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

STACK = os.environ.get("HOLDFAST_STACK", "holdfast")
BINARY = os.environ.get("HOLDFAST_BINARY") or CHECKOUT / "build" / "release" / "holdfast"
# Shorter than any default, so that a scenario takes seconds; loop_wait + 2 * retry_timeout fits in ttl.
TIMING = config.Timing(ttl=5, loop_wait=1, retry_timeout=2)
PARAMETERS = {"shared_buffers": "16MB", "max_connections": 200}

kept = []  # run directories of failed tests


def new_cluster(place=None, **settings):
    root = Path(tempfile.mkdtemp(prefix="holdfast-e2e-", dir=place))
    root.chmod(0o755)
    spec = config.Spec(ports=ports.ports_from(ports.free_ports(14)), passwords=config.new_passwords(), timing=TIMING,
                       stack=STACK, parameters=PARAMETERS, **settings)
    return Cluster.create(root, spec, None if STACK == "patroni" else BINARY)


def keep_logs(cluster):
    cluster.kill_everything()
    kept.append(cluster.place.root)


def discard(cluster):
    cluster.kill_everything()
    shutil.rmtree(cluster.place.root, ignore_errors=True)


class Shared:
    """The cluster that scenarios share. A scenario gets a whole one, or a new one."""

    def __init__(self, **settings):
        self.settings = settings
        self.cluster = None

    def get(self):
        if self.cluster is not None:
            try:
                self.cluster.check_alive()
                self.cluster.wait_for_redundancy(seconds=20)
                return self.cluster
            except Failure:
                discard(self.cluster)
        self.cluster = new_cluster(**self.settings)
        self.cluster.start()
        return self.cluster

    def keep_logs(self):
        if self.cluster is not None:
            keep_logs(self.cluster)
            self.cluster = None


shared = Shared()
with_failsafe_mode = Shared(failsafe_mode=True)


def use(request, source):
    request.node.used_cluster = source.get()
    yield request.node.used_cluster
    if getattr(request.node, "failed", False):
        source.keep_logs()


@pytest.fixture
def cluster(request):
    yield from use(request, shared)


@pytest.fixture
def failsafe_cluster(request):
    yield from use(request, with_failsafe_mode)


@pytest.fixture
def patroni(request):
    """A cluster of Debian's patroni and haproxy, and where our program is installed beside it."""
    missing = [name for name in ("/usr/bin/patroni", "/usr/sbin/haproxy") if not Path(name).exists()]
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
        keep_logs(cluster)
        raise
    yield cluster
    if getattr(request.node, "failed", False):
        keep_logs(cluster)
    else:
        discard(cluster)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed = True
        used = getattr(item, "used_cluster", None) or shared.cluster
        if used is not None:
            for log in sorted(used.place.logs.glob("*.log")):
                report.sections.append((f"the end of {log}", tail(log, 40)))


def pytest_sessionfinish():
    for source in (shared, with_failsafe_mode):
        if source.cluster is not None:
            discard(source.cluster)


def pytest_terminal_summary(terminalreporter):
    for root in kept:
        terminalreporter.write_line(f"kept for you to look at: {root}")
