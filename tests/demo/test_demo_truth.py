"""Sensor tickets against the truth of a simulated fleet."""

import pandas as pd

from pipelines.demo import judge_tickets
from pipelines.files import write_json, write_table
from pipelines.watch import Finding


def at(day):
    return pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=day)


def ticket(device, channel, first, last):
    since, seen = (at(day).strftime("%Y-%m-%dT%H:%M:%SZ") for day in (first, last))
    return Finding("pumps", "sensor_fault", device, (channel,), since, seen, (), False)


def test_a_ticket_is_about_the_story_about_what_broke_by_itself_or_about_a_healthy_sensor(tmp_path):
    order = {"devices": ["pump-01"], "channel": "flow", "since": at(3).timestamp()}
    write_json(tmp_path / "orders.json", [order])
    faults = pd.DataFrame({"device": ["pump-02"], "channel": ["current"], "first": [at(5)], "last": [at(7)]})
    write_table(tmp_path / "faults-2026-01-01.parquet", faults)
    found = judge_tickets(
        tmp_path,
        [
            ticket("pump-01", "flow", 3, 7),
            ticket("pump-01", "flow", 1, 2),  # before it was ordered
            ticket("pump-02", "current", 5, 14),
            ticket("pump-02", "flow", 5, 14),
            ticket("pump-02", "current", 10, 14),  # it was well again
        ],
    )
    assert (found.ordered, found.own, found.false) == (1, 1, 3)
    assert found.sentence.startswith("5 sensor tickets: 1 about faults of the story")
