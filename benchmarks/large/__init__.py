"""A judgement of a large log, in a process of its own: what `benchmarks.watch` measures time and memory of."""
