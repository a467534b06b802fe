"""Who writes the parts: threads here, or the workers of a Dask cluster that sees the same disk.

A part is the unit of work either way: a task takes a small description of it and gives back what is to be known of it;
rows never travel. What comes out is the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from pipelines.errors import ParamsError, StoreError
from pipelines.params import Compute

Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def workers(compute: Compute) -> Iterator[Each]:
    """`each(function, items)`: the results in the items' order, several at work at once.

    Raises ParamsError where Dask is not installed, StoreError where no cluster answers.
    """
    if compute.scheduler is None:
        with ThreadPoolExecutor(compute.threads) as pool:
            yield pool.map
        return
    client = _client(compute.scheduler)
    try:
        yield lambda function, items: client.gather(client.map(function, list(items), pure=False))
    finally:
        client.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ParamsError(
            "params.yaml: compute.scheduler needs Dask; `pip install fleetloop[cluster]`, or leave it out"
        ) from None
    try:
        return Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StoreError(f"no Dask scheduler answers at {address} ({reason}); see compute.scheduler") from None
