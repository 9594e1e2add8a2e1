"""The judgement over a client history finds what it is there to find."""

from collections import Counter
from types import SimpleNamespace

from holdfast_dev.history import Attempt, History

ports = SimpleNamespace(read_write=5000, postgres=5432)
CLUSTER = SimpleNamespace(spec=SimpleNamespace(passwords={"app": ""}), router=SimpleNamespace(ports=ports),
                          nodes=[SimpleNamespace(name="node1", ports=ports)])


def history(*attempts):
    """attempts: (sequence, sent, ended, outcome, server, timeline), all of the first client of the router."""
    made = History(CLUSTER, writers=1)
    made.attempts = [Attempt(made.writers[0].name, *attempt) for attempt in attempts]
    return made


def rows(made, *sequences):
    return Counter((made.writers[0].name, sequence) for sequence in sequences)


def test_an_honest_failover_is_found_good():
    made = history((1, 0, 1, "acknowledged", 5432, 1), (2, 1, 5, "unknown"), (3, 5, 5, "refused"),
                   (4, 6, 7, "acknowledged", 5433, 2), (5, 7, 8, "unknown"))
    assert made.contradictions(rows(made, 1, 4, 5)) == []
    assert made.outage(since=2) == 6


def test_a_lost_row():
    made = history((1, 0, 1, "acknowledged", 5432, 1), (2, 1, 2, "acknowledged", 5432, 1))
    assert "acknowledged and lost" in made.contradictions(rows(made, 1))[0]


def test_a_row_that_was_refused_or_never_sent_or_is_there_twice():
    made = history((1, 0, 1, "refused"), (2, 1, 2, "acknowledged", 5432, 1))
    found = made.contradictions(rows(made, 1, 2, 2, 3))
    assert len(found) == 3
    assert "the server said no" in found[0] and "there 2 times" in found[1] and "never sent" in found[2]


def test_two_servers_on_one_timeline():
    made = history((1, 0, 1, "acknowledged", 5432, 1), (2, 1, 2, "acknowledged", 5433, 1))
    assert "timeline 1 written by 5432 and by 5433" in made.contradictions(rows(made, 1, 2))


def test_an_old_primary_that_still_acknowledges():
    made = history((1, 0, 1, "acknowledged", 5432, 1), (2, 1, 2, "acknowledged", 5433, 2),
                   (3, 3, 4, "acknowledged", 5432, 1))
    assert "after timeline 2 had begun" in made.contradictions(rows(made, 1, 2, 3))[0]


def test_rows_of_other_runs_are_left_alone():
    made = history((1, 0, 1, "acknowledged", 5432, 1))
    assert made.contradictions(rows(made, 1) + Counter([("somebody else", 7)])) == []
