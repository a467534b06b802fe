"""The rule by which a candidate may replace the champion, and the sentence that says so."""

import pytest

from pipelines.params import ReleaseSpec
from pipelines.release.verdict import Side, judge


def verdict(loss, low, high, rule="not_worse", **spec):
    about = {"measure": "log_loss", "unit": "", "currency": "EUR", "version": 3, "rows": 1200, "devices": 9}
    return judge(Side(loss, 10.0, None), Side(1.0, 12.0, 0.5), (low, high), ReleaseSpec(rule=rule, **spec), **about)


@pytest.mark.parametrize(
    ("loss", "low", "high", "rule", "passed"),
    [
        (0.9, -0.2, -0.05, "not_worse", True),
        (1.05, -0.1, 0.2, "not_worse", True),
        (1.05, 0.01, 0.09, "not_worse", False),
        (1.3, -0.5, 1.1, "not_worse", False),  # few devices prove nothing, and the gap is too large to shrug off
        (1.000001, 1e-7, 2e-6, "not_worse", True),  # surely there, and nothing
        (1.000001, 1e-7, 2e-6, "better", False),
        (0.9, -0.2, 0.1, "better", False),
        (0.9, -0.2, -0.1, "better", True),
    ],
)
def test_the_interval_and_the_gap_decide(loss, low, high, rule, passed):
    assert verdict(loss, low, high, rule).passed is passed


def test_the_sentence_names_both_losses_the_interval_and_the_money():
    said = verdict(1.05, 0.01, 0.09).sentence
    assert said == (
        "log loss of the candidate 1.05, of the champion (release 3) 1.00, on the same 1,200 rows of 9 held-out "
        "devices: difference 0.0500, 95 % 0.0100 to 0.0900; it is worse. In money: candidate 10 EUR a device, "
        "champion 12 EUR"
    )
