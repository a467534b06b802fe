"""Benchmarks: `make bench-NAME` runs `python -m benchmarks.NAME`; results in benchmarks/results/NAME.json."""
