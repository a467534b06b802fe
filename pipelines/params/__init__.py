"""params.yaml as one frozen typed tree. It is the only place for a number."""

from pipelines.params.dataset import (
    ChannelSpec,
    Compute,
    Contract,
    DatasetSpec,
    PairRule,
    Retention,
    SimulateSpec,
    Storage,
)
from pipelines.params.demo import DemoSpec
from pipelines.params.expand import expand
from pipelines.params.load import Active, Params, load_params
from pipelines.params.loop import ReleaseSpec, RetrainSpec
from pipelines.params.order import FIRMWARE_KINDS, SENSOR_KINDS, WORLD_KINDS, Order, parse_order
from pipelines.params.source import (
    ChannelField,
    DerivedField,
    Ending,
    Envelope,
    EventColumn,
    JoinSpec,
    LabelColumn,
    SourceSpec,
    Spread,
    TableFormat,
)
from pipelines.params.use_case import (
    DecisionParams,
    EvaluateSpec,
    ExportSpec,
    GateSpec,
    LightGBMSpec,
    RecurrentSpec,
    SplitSpec,
    TrainSpec,
    UseCaseSpec,
    WatchSpec,
)

__all__ = [
    "FIRMWARE_KINDS",
    "SENSOR_KINDS",
    "WORLD_KINDS",
    "Active",
    "ChannelField",
    "ChannelSpec",
    "Compute",
    "Contract",
    "DatasetSpec",
    "DecisionParams",
    "DemoSpec",
    "DerivedField",
    "Ending",
    "Envelope",
    "EvaluateSpec",
    "EventColumn",
    "ExportSpec",
    "GateSpec",
    "JoinSpec",
    "LabelColumn",
    "LightGBMSpec",
    "Order",
    "PairRule",
    "Params",
    "RecurrentSpec",
    "ReleaseSpec",
    "Retention",
    "RetrainSpec",
    "SimulateSpec",
    "SourceSpec",
    "SplitSpec",
    "Spread",
    "Storage",
    "TableFormat",
    "TrainSpec",
    "UseCaseSpec",
    "WatchSpec",
    "expand",
    "load_params",
    "parse_order",
]
