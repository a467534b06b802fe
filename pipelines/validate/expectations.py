"""The one file that speaks to Great Expectations: rules → suites in memory → outcomes, and Data Docs.

What is expected was computed before, in one pass over the rows (see `facts`), so that its cost does not grow with
them. Nothing of its configuration is kept: the contract lives in params.yaml.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.files import replacing_folder
from pipelines.validate.contract import Table, TableRule


def expect(rules: tuple[TableRule, ...], tables: dict[Table, pd.DataFrame], docs: Path | None) -> list[bool]:
    """Whether each rule holds, in their order. docs: a folder that takes the Data Docs, replaced whole."""
    context = _context()
    passed: dict[int, bool] = {}
    for name, frame in tables.items():
        numbered = [(i, rule) for i, rule in enumerate(rules) if rule.table == name]
        passed |= _validate(context, name, frame, numbered)
    if docs is not None:
        _write_docs(context, docs)
    return [passed[i] for i in range(len(rules))]


def _context() -> Any:
    """A context that lives in memory, says nothing to anybody and draws no progress bars."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the package is first imported
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.delete_data_docs_site("local_site")  # it would lie in a temporary folder that nobody removes
    return context


def _validate(context: Any, name: str, frame: pd.DataFrame, rules: list[tuple[int, TableRule]]) -> dict[int, bool]:
    import great_expectations as gx

    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name)
    suite = gx.ExpectationSuite(name=name, expectations=[_expectation(rule, i) for i, rule in rules])
    definition = gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(suite))
    definition = context.validation_definitions.add(definition)
    result = definition.run(batch_parameters={"dataframe": frame}, result_format="SUMMARY")
    return {int(r.expectation_config.meta["rule"]): bool(r.success) for r in result.results}


def _expectation(rule: TableRule, number: int) -> Any:
    from great_expectations import expectations as gxe

    note = {"meta": {"rule": number, "name": rule.name, "params": rule.key}, "notes": f"{rule.name}: {rule.key}"}
    return gxe.ExpectColumnValuesToBeBetween(column=rule.column, min_value=rule.low, max_value=rule.high, **note)


def _write_docs(context: Any, docs: Path) -> None:
    with replacing_folder(docs) as folder:
        backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
        site = {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": backend,
        }
        context.add_data_docs_site("contract", site)
        context.build_data_docs()
