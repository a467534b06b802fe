"""Tickets and masks: what is broken is left out until it is mended; who is judged together."""

import pandas as pd
import pytest

from pipelines.errors import DataError
from pipelines.files import Place
from pipelines.watch.cohorts import cohorts_of
from pipelines.watch.finding import Finding
from pipelines.watch.masks import masked, masked_at
from pipelines.watch.tickets import close_ticket, file_tickets, open_tickets, read_masks
from pipelines.watch.triage import carried
from tests.builders.histories import histories

BROKE, MENDED = "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"


def finding(first: str = BROKE, last: str = MENDED, kind="sensor_fault", evidence: str = "flow is stuck") -> Finding:
    return Finding("pumps", kind, "pump-01", ("flow",), first, last, (evidence,), False)


def measured(place: Place) -> pd.Series:
    """By day, whether flow of pump-01 counts."""
    frame = histories(2, 4).assign(score=0.1, acts=False, target=0.0)
    found = masked(frame, read_masks(place, "pumps"), ())
    mine = found[found["device"] == "pump-01"]
    return mine.groupby(mine["time"].dt.day)["flow.measured"].all()


def test_a_ticket_masks_its_channel_until_it_is_closed_and_what_came_between_stays_masked(tmp_path):
    place = Place(tmp_path)
    file_tickets(place, "pumps", (finding(),), MENDED)
    assert measured(place).tolist() == [True, False, False, False]
    close_ticket(place, "pumps", finding().id, MENDED)
    assert measured(place).tolist() == [True, False, True, True]
    assert open_tickets(place, "pumps") == ()


def test_a_masked_channel_is_not_called_gone_while_the_mask_holds(tmp_path):
    place = Place(tmp_path)
    file_tickets(place, "pumps", (finding(),), MENDED)
    moment = pd.Timestamp("2026-01-05", tz="UTC")
    assert masked_at(read_masks(place, "pumps"), (), moment) == {("pump-01", "flow")}
    close_ticket(place, "pumps", finding().id, MENDED)
    assert masked_at(read_masks(place, "pumps"), (), moment) == set()


def test_a_known_ticket_stays_as_it_is_and_a_closed_one_cannot_be_closed_again(tmp_path):
    place = Place(tmp_path)
    for now in (BROKE, MENDED):
        file_tickets(place, "pumps", (finding(evidence=now),), now)
    assert [t.opened for t in open_tickets(place, "pumps")] == [BROKE]
    close_ticket(place, "pumps", finding().id, MENDED)
    with pytest.raises(DataError, match=r"has no open ticket .* open are: \(none\)"):
        close_ticket(place, "pumps", finding().id, MENDED)


def test_a_finding_that_goes_on_keeps_its_id_and_one_that_comes_back_has_a_new_one():
    before = finding(kind="new_regime")
    later = finding("2026-01-02T12:00:00Z", "2026-01-09T00:00:00Z", "new_regime", "now farther off")
    back = finding("2026-02-01T00:00:00Z", "2026-02-03T00:00:00Z", "new_regime")
    assert [f.id == before.id for f in carried((later, back), (before,))] == [True, False]


def test_cohorts_are_what_was_last_said_of_devices_by_then():
    names = [f"pump-{i}" for i in range(8)]
    table = pd.DataFrame({"device": names, "from": pd.Timestamp("2026-01-01", tz="UTC"), "firmware": "1.0"})
    table = table.assign(vendor=["a"] * 4 + ["b"] * 4, site=["mill"] * 6 + ["quay"] * 2)
    newer = table.head(3).assign(firmware="2.0", **{"from": pd.Timestamp("2026-02-01", tz="UTC")})
    table = pd.concat([table, newer])
    before, after = (cohorts_of(names, table, pd.Timestamp(day, tz="UTC")) for day in ("2026-01-15", "2026-02-15"))
    assert [c.name for c in before] == ["fleet", "vendor=a", "vendor=b", "site=mill"]  # two devices are no cohort
    assert [c.name for c in after] == [*(c.name for c in before), "firmware=a 2.0"]
    assert after[-1].devices == ("pump-0", "pump-1", "pump-2")
