"""params.yaml as one frozen typed tree. It is the only place for a number."""

from pipelines.params.dataset import (
    ChannelField,
    ChannelSpec,
    Contract,
    DatasetSpec,
    Ending,
    SimulateSpec,
    SourceSpec,
    Storage,
    TableFormat,
)
from pipelines.params.load import Active, Params, load_params
from pipelines.params.order import FIRMWARE_KINDS, SENSOR_KINDS, WORLD_KINDS, Order, parse_order
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
    "Contract",
    "DatasetSpec",
    "DecisionParams",
    "Ending",
    "EvaluateSpec",
    "ExportSpec",
    "GateSpec",
    "LightGBMSpec",
    "Order",
    "Params",
    "RecurrentSpec",
    "SimulateSpec",
    "SourceSpec",
    "SplitSpec",
    "Storage",
    "TableFormat",
    "TrainSpec",
    "UseCaseSpec",
    "WatchSpec",
    "load_params",
    "parse_order",
]
