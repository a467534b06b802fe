"""Decisions on disk within a bound; heartbeats go first."""

import math

import pytest

from fleetloop_edge.decide import Decision
from fleetloop_edge.errors import SpoolFull
from fleetloop_edge.spool import Spool


def decision(number: int, score: float = 0.5) -> Decision:
    return Decision("pump-1", float(number), number + 1.0, "none", score, 0.4, 0.6, "fine", "sequence")


def heartbeat(number: int) -> dict[str, object]:
    return {"device": "gateway", "time": float(number), "queue": 0}


def test_what_was_put_comes_out_oldest_first_after_a_restart(tmp_path):
    spool = Spool(tmp_path, 10_000)
    for number in range(3):
        spool.put_decision(decision(number))
    again = Spool(tmp_path, 10_000)
    assert [d["time"] for d in again.decisions(2)] == [0.0, 1.0]
    assert (again.queue, again.bytes) == (3, spool.bytes)


def test_an_abstention_has_a_score_of_null(tmp_path):
    spool = Spool(tmp_path, 10_000)
    spool.put_decision(decision(1, math.nan))
    assert spool.decisions(1)[0]["score"] is None


def test_what_was_delivered_is_forgotten(tmp_path):
    spool = Spool(tmp_path, 10_000)
    for number in range(3):
        spool.put_decision(decision(number))
        spool.put_heartbeat(heartbeat(number))
    spool.delivered(decisions=2, heartbeats=3)
    assert [d["time"] for d in Spool(tmp_path, 10_000).decisions(9)] == [2.0]
    assert spool.heartbeats(9) == []


def test_the_oldest_heartbeats_go_before_any_decision(tmp_path):
    spool = Spool(tmp_path, 1_400)
    for number in range(20):
        spool.put_heartbeat(heartbeat(number))
    for number in range(6):
        spool.put_decision(decision(number))
    assert [d["time"] for d in spool.decisions(9)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    left = [h["time"] for h in spool.heartbeats(99)]
    assert spool.dropped == 20 - len(left) > 0
    assert left == sorted(left)
    assert left[-1] == 19.0


def test_a_full_spool_of_decisions_refuses_one_more_and_loses_none(tmp_path):
    spool = Spool(tmp_path, 500)
    with pytest.raises(SpoolFull, match="all decisions"):
        for number in range(9):
            spool.put_decision(decision(number))
    kept = [d["time"] for d in Spool(tmp_path, 500).decisions(9)]
    assert kept == [float(n) for n in range(len(kept))]
    assert kept


def test_a_heartbeat_never_displaces_a_decision(tmp_path):
    spool = Spool(tmp_path, 150)
    spool.put_decision(decision(1))
    spool.put_heartbeat(heartbeat(1))
    assert (len(spool.decisions(9)), spool.heartbeats(9), spool.dropped) == (1, [], 1)


def test_the_bound_holds_whatever_is_put(tmp_path):
    spool = Spool(tmp_path, 1_000)
    for number in range(50):
        spool.put_heartbeat(heartbeat(number))
        assert spool.bytes <= 1_000


def test_a_line_torn_by_a_power_cut_is_cut_off(tmp_path):
    spool = Spool(tmp_path, 10_000)
    spool.put_decision(decision(1))
    with (tmp_path / "decisions.jsonl").open("ab") as file:
        file.write(b'{"device": "pump')
    again = Spool(tmp_path, 10_000)
    again.put_decision(decision(2))
    assert [d["time"] for d in Spool(tmp_path, 10_000).decisions(9)] == [1.0, 2.0]
