"""What may be ordered of a simulated fleet: sensors that break, firmware that changes data, a world that changes."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, ValidationError, model_validator

from pipelines.errors import ParamsError
from pipelines.frozen import Frozen

SensorKind = Literal["stuck", "offset", "unit_swap", "dropout"]
FirmwareKind = Literal["firmware_unit", "firmware_field"]
WorldKind = Literal["wear", "regime", "load", "season"]
SENSOR_KINDS: tuple[str, ...] = get_args(SensorKind)
FIRMWARE_KINDS: tuple[str, ...] = get_args(FirmwareKind)
WORLD_KINDS: tuple[str, ...] = get_args(WorldKind)


class Order(Frozen):
    """One change, from `day` on. The truth keeps it for scoring; nothing else tells of it.

    stuck, offset, unit_swap, dropout: a channel of some devices lies. firmware_unit, firmware_field: all devices of a
    vendor get a new version that sends a channel in another unit, or under a name that no mapping knows. wear: another
    physics of wear (what was learnt misleads). regime: another operating point. load: more work. season: a hot one.
    """

    kind: SensorKind | FirmwareKind | WorldKind
    day: float = Field(0.0, ge=0)  # after the start of the run that it is given to
    days: float | None = Field(None, gt=0)  # how long it lasts; None: for good
    channel: str | None = None  # of a sensor or a firmware; None: drawn
    devices: int | tuple[str, ...] = 1  # whose sensor: names, or how many are drawn
    size: float | None = None  # of an offset, canonical units; None: the channel's usual one, either way
    vendor: str | None = None  # of a firmware; None: drawn
    version: str = "3.0"
    site: str | None = None  # where the world changes; None: everywhere

    @model_validator(mode="after")
    def _fits(self) -> Order:
        if self.size is not None and self.kind != "offset":
            raise ValueError(f"size belongs to an offset, not to {self.kind}")
        if self.vendor is not None and self.kind not in FIRMWARE_KINDS:
            raise ValueError(f"vendor belongs to {' and '.join(FIRMWARE_KINDS)}, not to {self.kind}")
        if self.site is not None and self.kind not in WORLD_KINDS:
            raise ValueError(f"site belongs to {', '.join(WORLD_KINDS)}, not to {self.kind}")
        if self.channel is not None and self.kind in WORLD_KINDS:
            raise ValueError(f"channel does not belong to {self.kind}: the world changes all that it changes")
        return self


def parse_order(text: str) -> Order:
    """An order in one line: "offset channel=flow devices=pump-03,pump-07 day=5 size=8". Raises ParamsError."""
    kind, *rest = text.split() or [""]
    told: dict[str, object] = {"kind": kind}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals:
            raise ParamsError(f"order {text!r}: {part!r} is not key=value, such as day=5")
        told[key] = value.split(",") if key == "devices" and not value.isdigit() else value
    try:
        return Order.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if str(part) in told)
        allowed = f"; keys are {', '.join(Order.model_fields)}" if first["type"] == "extra_forbidden" else ""
        message = first["msg"].removeprefix("Value error, ")
        raise ParamsError(f"order {text!r}: {f'{key}: ' if key else ''}{message}{allowed}") from None
