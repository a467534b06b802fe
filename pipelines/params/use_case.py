"""A use case: dataset × task × features × models × gates × decision × watch."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from fleetloop_edge.spec import FeatureSpec
from pipelines.frozen import Frozen
from pipelines.params.loop import ReleaseSpec, RetrainSpec
from pipelines.tasks import TaskSpec


class SplitSpec(Frozen):
    """Sides by device, by time, or by both. A side that the dataset gives holds; shares are of what it does not give.

    By device: a seeded hash of the name. By time: calibration and test begin at the stated times, else where their
    shares of the rows begin. By both: train devices before, calibration devices between, test devices after the cuts.
    """

    by: Literal["device", "time", "both"] = "device"
    seed: int = 0  # `fleetloop split suggest` finds one that balances a small fleet
    test: float = Field(0.2, ge=0, lt=1)
    calibration: float = Field(0.2, gt=0, lt=1)
    valid: float = Field(0.1, ge=0, lt=1)  # of train: curves and checks, never early stopping on test
    clock: Literal["calendar", "device"] = "calendar"  # shares of all rows by date, or of each device's own history
    calibration_from: AwareDatetime | None = None
    test_from: AwareDatetime | None = None
    embargo: int | None = Field(None, ge=0)  # periods before a cut that no side has; none: horizon + window
    folds: int = Field(4, ge=2, le=20)  # of train, for cross-validation: by device, or blocks of time
    accept: tuple[Literal["duplicate_rows", "target_echo"], ...] = ()  # findings of the audit that are no leak here
    balance_max: float = Field(0.1, ge=0, le=1)  # a side's share of devices, rows or failures, off from the one asked
    duplicate_share_max: float = Field(0.05, ge=0, le=1)  # of one device's rows that stand on another side too
    echo_max: float = Field(0.95, gt=0, le=1)  # how far one channel determines the target, 1: as a function of it
    single_feature_max: float = Field(0.99, gt=0.5, le=1)  # rank correlation or AUC of one feature with the answer
    probe_devices: int = Field(3, ge=1)  # whose features are computed again from a history cut short
    probe_rows: int = Field(10_000, ge=100)  # of train that single features and the gain of cheating are judged on

    @model_validator(mode="after")
    def _shares_leave_train(self) -> SplitSpec:
        if self.test + self.calibration >= 1:
            raise ValueError(f"test {self.test:g} and calibration {self.calibration:g} leave nothing to train on")
        return self


class LightGBMSpec(Frozen):
    """LightGBM; fixed number of trees, no early stopping."""

    trees: int = Field(300, ge=1)
    leaves: int = Field(31, ge=2)
    learning_rate: float = Field(0.05, gt=0)
    min_leaf: int = Field(50, ge=1)  # rows
    row_share: float = Field(0.8, gt=0, le=1)
    feature_share: float = Field(0.5, gt=0, le=1)
    l2: float = Field(1.0, ge=0)
    rows_max: int | None = Field(None, ge=1)  # learn from the newest train rows, no more; none: from all
    cross_validate: bool = True  # over split.folds of train; reported, decides nothing


class RecurrentSpec(Frozen):
    """GRU or LSTM trained with AdamW, one-cycle rate and an average of weights; last weights, no best-epoch picking."""

    kind: Literal["gru", "lstm"] = "gru"
    hidden: int = Field(32, ge=2)
    layers: int = Field(1, ge=1, le=4)
    dropout: float = Field(0.0, ge=0, lt=1)
    steps: int = Field(600, ge=1)  # optimiser steps
    batch: int = Field(256, ge=1)  # windows
    learning_rate: float = Field(4e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    loss_steps: int = Field(20, ge=1)  # the loss covers the last loss_steps of each window
    average: float = Field(0.99, ge=0, lt=1)  # decay of the weights' moving average
    rows_max: int | None = Field(None, ge=1)  # learn from the newest train rows, no more; none: from all
    cross_validate: bool = False  # as many trainings more as there are folds


class TrainSpec(Frozen):
    """One seed and one thread count for the whole lap."""

    seed: int = 0
    threads: int = Field(1, ge=1)
    baseline: LightGBMSpec = LightGBMSpec()
    sequence: RecurrentSpec = RecurrentSpec()


class GateSpec(Frozen):
    """One limit on one metric of the test side, for every candidate model.

    Without `against` the limit is absolute; with it, value <= factor x the other model's (metrics that should be
    low), or value >= factor x (metrics that should be high).
    """

    metric: str
    at_most: float | None = None
    at_least: float | None = None
    against: Literal["naive", "baseline"] | None = None
    factor: float | None = None
    slice: str | None = None  # e.g. "vendor": the worst value over the slices is judged

    @model_validator(mode="after")
    def _one_form(self) -> GateSpec:
        absolute = (self.at_most is not None) + (self.at_least is not None)
        if self.against is None and (absolute != 1 or self.factor is not None):
            raise ValueError("an absolute gate needs exactly one of at_most, at_least")
        if self.against is not None and (absolute or self.factor is None):
            raise ValueError("a gate against another model needs factor, and no at_most or at_least")
        return self


class EvaluateSpec(Frozen):
    """Gates, slices and the coverage of the conformal interval."""

    gates: tuple[GateSpec, ...]
    slices: tuple[Literal["site", "vendor", "firmware", "target"], ...] = ("target",)
    coverage: float = Field(0.9, gt=0, lt=1)
    bootstrap: int = Field(1000, ge=100)  # resamples of devices


class DecisionParams(Frozen):
    """The action, its costs and its lead time. The threshold is learnt from them on the calibration side."""

    action: str = "inspect"
    consecutive: int = Field(3, ge=1)  # rows
    lead: float = Field(1.0, ge=0)  # periods that a warning must come ahead of the failure to count
    cost_missed: float = Field(10_000.0, ge=0)  # money, a failure without a timely warning
    cost_action: float = Field(500.0, ge=0)  # money, each action taken
    cost_early: float = Field(1.0, ge=0)  # money, each period of life thrown away by acting too early
    max_missing: float = Field(0.3, ge=0, le=1)  # share of channels missing above which the fallback answers
    abstain_missing: float = Field(0.8, ge=0, le=1)  # share above which nobody answers
    currency: str = "EUR"
    period: str = "hour"  # what one period is called, singular


class ExportSpec(Frozen):
    """Quantization limits and what "cheapest" means where models tie."""

    cheapest_by: Literal["bytes"] = "bytes"  # latency is measured, so it may not decide what DVC reproduces
    int8_score_error_max: float = Field(gt=0)  # rms against float on the calibration side, in score units
    int8_decisions_flipped_max: float = Field(0.005, ge=0, le=1)  # share of rows of the calibration side
    size_max: int = Field(1_000_000, ge=1)  # bytes of the model that ships
    golden: int = Field(16, ge=1)  # self-test vectors
    parity_rows: int = Field(6000, ge=1)  # rows of held-out devices replayed one by one by the device's own code
    parity_error_max: float = Field(0.01, gt=0)  # largest difference to the training model there, in score units


class WatchSpec(Frozen):
    """The drift trigger. `nominal` is the chance that one healthy cohort decision (k of m, all channels) alarms."""

    window: int = Field(168, ge=2)  # rows of one device in a window
    nominal: float = Field(0.05, gt=0, lt=0.5)
    k: int = Field(2, ge=1)
    m: int = Field(3, ge=1)
    null_windows: int = Field(40, ge=10)  # healthy windows that a threshold is learnt from, at least
    hour_of_week: Literal["auto", "never"] = "auto"  # auto: the usual course of a week is taken off where one shows
    unseen: float = Field(0.15, gt=0, lt=1)  # share of values outside the reference above which a channel is news
    sample: int = Field(5000, ge=0)  # rows a side shown in Evidently's own preset; 0: not shown

    @model_validator(mode="after")
    def _k_of_m(self) -> WatchSpec:
        if self.k > self.m:
            raise ValueError(f"k {self.k} must not exceed m {self.m}")
        return self


class UseCaseSpec(Frozen):
    """What fleetloop reproduces, ships and watches."""

    title: str
    dataset: str
    task: TaskSpec
    features: FeatureSpec  # channels and period_s are filled from the dataset where YAML leaves them out
    split: SplitSpec = SplitSpec()
    train: TrainSpec = TrainSpec()
    evaluate: EvaluateSpec
    decision: DecisionParams = DecisionParams()
    export: ExportSpec
    watch: WatchSpec = WatchSpec()
    release: ReleaseSpec = ReleaseSpec()
    retrain: RetrainSpec = RetrainSpec()

    @model_validator(mode="after")
    def _norms_are_learnt(self) -> UseCaseSpec:
        if self.features.norms is not None:
            raise ValueError("features.norms is learnt from the train rows, never stated; remove it")
        return self
