"""./dev test: the stages in order, what each needs built, and one line at the end that counts."""

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from . import CHECKOUT, build, sources
from .console import Failure, bold, say


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def count_junit(path):
    """Totals of a JUnit file, as ctest and pytest both write it."""
    try:
        root = ElementTree.parse(path).getroot()
    except (FileNotFoundError, ElementTree.ParseError):
        return Count(failed=1)
    count = Count()
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed += 1
        elif case.find("skipped") is not None:
            count.skipped += 1
        else:
            count.passed += 1
    return count


def run_counted(command, report, environment=None):
    """Runs a test program that writes a JUnit file; a program that fails without saying so counts as one failure."""
    code = subprocess.run(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(environment or {})}).returncode
    count = count_junit(report)
    if code != 0 and not count.failed:
        count.failed = 1
    return count


def ctest(label, arguments, parallel):
    build.build("dev")
    report = arguments.reports / f"{label}.xml"
    command = ["ctest", "--test-dir", "build/dev", "-L", f"^{label}$", "--output-on-failure", "--no-tests=error",
               "-j", str(parallel), "--output-junit", str(report)]
    if arguments.filter:
        command += ["-R", arguments.filter]
    return run_counted(command, report, {"HOLDFAST_UPDATE": "1"} if arguments.update else None)


def pytest(folder, arguments, *options):
    report = arguments.reports / f"{Path(folder).name}.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-ra", f"--junitxml={report}", folder, *options]
    if arguments.filter:
        command += ["-k", arguments.filter]
    return run_counted(command, report)


def checked(check):
    """A check that fails with a message, as a stage that counts for one test."""
    def run(_):
        try:
            check()
            return Count(passed=1)
        except Failure as error:
            say(str(error))
            return Count(failed=1)
    return run


def e2e(arguments):
    if "HOLDFAST_BINARY" not in os.environ:
        build.build("dev")
    # What waits for a lease to end leaves the processors to others. Scenarios of one file share a cluster.
    return pytest("tests/e2e", arguments, "-n", str(min(2, CPUS)), "--dist", "loadfile")


CPUS = os.cpu_count() or 1

# In the order of running: what fails fast comes first.
STAGES = {
    "format": ("clang-format", checked(sources.check_format)),
    "layers": ("the checks of the sources, and the tests of these tools", lambda a: pytest("tests/unit", a)),
    "unit": ("pure code and runtimes on virtual ports", lambda a: ctest("unit", a, CPUS)),
    "policy": ("the rules, as readable transcripts (--update rewrites them)", lambda a: ctest("policy", a, CPUS)),
    "sim": ("the cluster in one thread, with seeded faults", lambda a: ctest("simulation", a, CPUS)),
    "adapters": ("against real etcd and PostgreSQL", lambda a: ctest("adapters", a, min(2, CPUS))),
    "router": ("the router against real PostgreSQL", lambda a: ctest("router", a, min(2, CPUS))),
    "fuzz": ("the parsers that read strangers' bytes, some seconds each",
             lambda a: ctest("fuzz", a, CPUS)),
    "docs": ("docs/policy.md is what the rules say", checked(sources.check_policy_page)),
    "e2e": ("whole clusters of real processes", e2e),
}


def test(arguments):
    unknown = [name for name in arguments.stages if name not in STAGES]
    if unknown:
        raise Failure(f"unknown tests: {' '.join(unknown)}; there are {' '.join(STAGES)}")
    results = {}
    with tempfile.TemporaryDirectory(prefix="holdfast-reports-") as reports:
        arguments.reports = Path(reports)
        for name in [name for name in STAGES if name in arguments.stages or not arguments.stages]:
            what, stage = STAGES[name]
            say(f"\n{bold('==> ' + name)}: {what}")
            began = time.monotonic()
            try:
                count = stage(arguments)
            except Failure as error:
                say(str(error))
                count = Count(failed=1)
            results[name] = (count, time.monotonic() - began)
    total = Count()
    say()
    for name, (count, seconds) in results.items():
        total.add(count)
        skipped = f", {count.skipped} skipped" if count.skipped else ""
        say(f"  {name:<10}{count.passed:5} passed, {count.failed} failed{skipped}   {seconds:7.1f} s")
    say(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0
