"""Cross-validation: each fold is answered by a model that never saw it, and too few folds are none."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from pipelines.tasks import RemainingUsefulLife
from pipelines.train import Answer
from pipelines.train.folds import cross_validate
from pipelines.train.naive import Naive
from tests.builders.windows import tiny_windows

TASK = RemainingUsefulLife(cap=30)


class Remembers(Naive):
    """Learns nothing, and writes down which devices it was shown and asked about."""

    shown: ClassVar[list[set[int]]] = []
    asked: ClassVar[list[set[int]]] = []

    def fit(self, train, valid):
        assert len(valid) == 0
        self.shown.append(set(train.device.tolist()))
        super().fit(train, valid)

    def predict(self, windows):
        self.asked.append(set(windows.device.tolist()))
        return super().predict(windows)


@pytest.fixture
def made():
    Remembers.shown, Remembers.asked = [], []
    return tiny_windows(TASK)


def test_no_device_is_asked_about_by_a_model_that_saw_it(made):
    fold = (made.device % 2).astype(np.int8)
    found = cross_validate(lambda: Remembers(TASK), made, fold, Answer.of(TASK))
    assert len(found.folds) == 2 and len(Remembers.shown) == 2
    assert all(not shown & asked for shown, asked in zip(Remembers.shown, Remembers.asked, strict=True))
    assert sum(score.windows for score in found.folds) == len(made.known())
    assert found.mean == pytest.approx(np.mean([score.loss for score in found.folds]), abs=1e-5)


def test_rows_without_a_fold_are_neither_learnt_from_nor_asked_about(made):
    fold = np.where(made.device == 0, -1, made.device % 2).astype(np.int8)
    cross_validate(lambda: Remembers(TASK), made, fold, Answer.of(TASK))
    assert all(0 not in seen for seen in [*Remembers.shown, *Remembers.asked])


def test_one_fold_is_no_cross_validation(made):
    assert cross_validate(lambda: Remembers(TASK), made, np.zeros(len(made), dtype=np.int8), Answer.of(TASK)) is None
