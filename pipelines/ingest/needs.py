"""Which columns of its files a mapping asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleetloop_edge.decoders.clock import is_numeric
from fleetloop_edge.decoders.record import holes
from fleetloop_edge.mapping import SourceMap, TimeMap
from pipelines.ingest.fields import GIVEN
from pipelines.ingest.table import matches
from pipelines.params import SourceSpec, Spread


@dataclass(frozen=True)
class Needs:
    """Columns of one table. names: without which the mapping cannot work. patterns: of those that are spread.

    numeric: the names whose decimal comma and thousands' marks are to be read. numbers: those that nothing but a
    channel asks for, without words of its own; nothing: the texts that mean "not measured" in them. moments: those that
    nothing but a time asks for that is told as a number. words: those that templates alone ask for: few different ones.
    """

    names: frozenset[str]
    numeric: frozenset[str]
    patterns: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()
    nothing: tuple[str, ...] = ()
    moments: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def asks_for(self, name: str) -> bool:
        """Whether a column is one of these."""
        return name in self.names or matches(name, self.patterns)


def needs(source: SourceSpec, mapping: SourceMap) -> Needs:
    """Of the source's own files."""
    keys = {own for spec in source.join.values() for own in _keys(spec.key, own=True)}
    every = _every(source, mapping)
    names = {name for name in every if name.partition(".")[0] not in source.join} | keys
    patterns = source.spread.columns if source.spread else ()
    plain = frozenset(_plain(source, mapping)) & names - keys if not patterns else frozenset()
    moments = _moments(source, mapping) & names - keys
    numeric = frozenset(_numeric(source, mapping))
    others = {*_channels(source, mapping), *_times(source), *_columns(source), *keys}
    words = frozenset() if patterns else frozenset(_templates(source)) & names - others
    return Needs(frozenset(names), numeric, patterns, plain, mapping.missing, moments, words)


def _plain(source: SourceSpec, mapping: SourceMap) -> set[str]:
    """Fields of channels that hold numbers alone, and that nothing else reads."""
    if source.kind != "rows" or source.long is not None:
        return set()
    own = [mapped for mapped in mapping.channels.values() if not mapped.codes and not mapped.missing]
    verdicts = {mapped.quality for mapped in mapping.channels.values()}
    return {m.field for m in own} - set(_times(source)) - set(_templates(source)) - set(_columns(source)) - verdicts


def _moments(source: SourceSpec, mapping: SourceMap) -> frozenset[str]:
    """Fields of times that are numbers, and that nothing else reads."""
    times = [time for time in (source.time, source.received) if time is not None]
    own = {time.field for time in times if is_numeric(time) and not time.start and not holes(time.field)}
    verdicts = {mapped.quality for mapped in mapping.channels.values()}
    others = {*_channels(source, mapping), *_templates(source), *_columns(source), *verdicts}
    return frozenset(own - others - {time.field for time in times if not is_numeric(time)})


def needs_of(alias: str, source: SourceSpec, mapping: SourceMap) -> Needs:
    """Of a joined table."""
    spec, prefix = source.join[alias], f"{alias}."

    def own(names: set[str]) -> frozenset[str]:
        return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))

    names = own(_every(source, mapping)) | set(_keys(spec.key, own=False))
    return Needs(names, own(_numeric(source, mapping)), spec.spread.columns if spec.spread else ())


def _keys(on: str | dict[str, str] | None, own: bool) -> list[str]:
    if on is None or isinstance(on, str):
        return [] if on is None else [on]
    return list(on if own else on.values())


def _every(source: SourceSpec, mapping: SourceMap) -> set[str]:
    made = GIVEN | set(source.fields) | {how.field for how in spreads(source).values()}
    used = set(_channels(source, mapping)) | set(_times(source)) | set(_templates(source)) | set(_columns(source))
    return used - made


def _channels(source: SourceSpec, mapping: SourceMap) -> Iterator[str]:
    if source.kind != "rows":
        return
    if source.long is not None:
        yield from (source.long.name, source.long.value)
    for mapped in mapping.channels.values():
        yield from () if source.long else (mapped.field,)
        yield from (mapped.quality,) if mapped.quality else ()


def _times(source: SourceSpec) -> Iterator[str]:
    for time in (source.time, source.received, source.uploaded, source.until):
        if time is not None:
            yield from holes(time.field) or (time.field,)
            yield from holes(time.start) if time.start else ()


def _templates(source: SourceSpec) -> Iterator[str]:
    named = (source.device, source.site, source.vendor, source.firmware, source.event, source.label, source.by)
    for template in (*named, *(rule.of for rule in source.fields.values())):
        yield from holes(template) if template else ()


def _columns(source: SourceSpec) -> Iterator[str]:
    yield from (column.field for column in source.labels.values())
    yield from (column.field for column in source.events.values())
    yield from (column.value for column in source.events.values() if column.value is not None)
    if source.value is not None:
        yield source.value
    ending = source.ending
    if ending is not None and ending.field is not None:
        yield ending.field


def _numeric(source: SourceSpec, mapping: SourceMap) -> set[str]:
    def numbers(time: TimeMap | None) -> set[str]:
        return {time.field} if time is not None and is_numeric(time) else set()

    left = {source.ending.field} if source.ending is not None and source.ending.field is not None else set()
    value = {source.value} if source.value is not None else set()
    channels = {source.long.value} if source.long else {mapped.field for mapped in mapping.channels.values()}
    return channels | numbers(source.time) | numbers(source.received) | numbers(source.uploaded) | left | value


def spreads(source: SourceSpec) -> dict[str, Spread]:
    """Prefix of the columns that are spread ("" for the source's own) -> how."""
    found: dict[str, Spread] = {} if source.spread is None else {"": source.spread}
    return found | {f"{alias}.": spec.spread for alias, spec in source.join.items() if spec.spread is not None}
