"""Our program under the name of patronictl, against members of Debian's Patroni."""

import os
import re
import subprocess

import pytest
from conftest import STACK
from holdfast_dev.console import wait_for

pytestmark = pytest.mark.skipif(STACK == "patroni", reason="our CLI is tested, not Patroni's")


class Patronictl:
    def __init__(self, cluster):
        self.cluster = cluster
        self.program = cluster.holdfast.with_name("patronictl")
        if not self.program.exists():
            self.program.symlink_to(cluster.holdfast)
        # No file: the environment says all.
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PATRONI_SCOPE": cluster.spec.scope,
                            "PATRONI_ETCD3_HOSTS": ",".join(f"127.0.0.1:{m.client}" for m in cluster.spec.ports.etcd),
                            "PGUSER": "postgres", "PGPASSWORD": cluster.spec.passwords["postgres"],
                            "PGDATABASE": "postgres"}

    def __call__(self, *arguments, answers="", fails=False):
        done = subprocess.run([self.program, *arguments], input=answers, env=self.environment, capture_output=True,
                              text=True, timeout=120, check=False, cwd=os.sep)
        assert (done.returncode != 0) == fails, f"patronictl {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def test_patronictl_steers_patroni(patroni):
    cluster, ctl = patroni, Patronictl(patroni)
    scope = cluster.spec.scope
    leader = cluster.leader()
    replica = next(node for node in cluster.nodes if node is not leader)
    assert re.search(rf"\| {leader.name} .*\| Leader ", ctl("list"))
    assert f"host=127.0.0.1 port={replica.ports.postgres}\n" == ctl("dsn", scope, "-r", "replica")
    assert ctl("query", scope, "-r", "replica", "-c", "select pg_is_in_recovery() as standby, 1 as one") == \
        "standby\tone\nTrue\t1\n"
    assert re.search(r"Patroni \d+\.\d+\.\d+ PostgreSQL 15\.", ctl("version", scope, replica.name))

    assert "+  maximum_lag_on_syncnode: 5" not in ctl("edit-config", scope, "-s", "maximum_lag_on_syncnode=5", "-q",
                                                      "--force")
    assert "maximum_lag_on_syncnode: 5\n" in ctl("show-config", scope)
    assert "+    log_min_duration_statement: 7\n" in ctl("edit-config", "-p", "log_min_duration_statement=7", scope,
                                                         answers="y\n")
    wait_for("the parameter is set", lambda: replica.query("show log_min_duration_statement") == [("7ms",)], 30)

    assert "Success: cluster management is paused\n" in ctl("pause", "--wait")
    assert "Maintenance mode: on" in ctl("list", scope)
    assert "Error: Cluster is already paused" in ctl("pause", scope, fails=True)
    assert "Success: cluster management is resumed\n" in ctl("resume", scope, "--wait")

    before = replica.postmaster()
    assert f"Success: restart on member {replica.name}\n" in ctl("restart", scope, replica.name, "--force")
    assert replica.postmaster() != before
    assert "Success: restart scheduled on member" in ctl("restart", scope, replica.name, "--scheduled",
                                                         "2099-01-01T00:00Z", "--force")
    wait_for("the schedule is shown", lambda: "2099-01-01T00:00" in ctl("list", scope), 30)
    assert f"Success: flush scheduled restart for member {replica.name}\n" in ctl("flush", scope, replica.name,
                                                                                  "restart", "--force")
    cluster.wait_for_redundancy(90)
    assert f'Successfully switched over to "{replica.name}"' in ctl("switchover", "--candidate", replica.name, "--force")
    cluster.wait_for_redundancy(90)
    out = ctl("reinit", scope, leader.name, "--force", "--wait")
    assert f"Success: reinitialize for member {leader.name}\n" in out
    assert f"Reinitialize is completed on: {leader.name}\n" in out
    cluster.wait_for_redundancy(90)
    assert "| no recovery target specified |" in ctl("history", scope)
