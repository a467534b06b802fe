"""The rooms, in the order data visits them. This is the one place that says the order."""

FLOORS: tuple[str, ...] = ("errors", "params", "files", "tasks", "report")
"""Lower floors, usable by every room above. `report` draws what a person looks at."""

ROOMS: tuple[str, ...] = ("ingest", "validate", "features", "split", "train", "evaluate", "export", "release", "watch")

DATASET_STAGES: tuple[str, ...] = ("ingest", "validate")
USE_CASE_STAGES: tuple[str, ...] = ("features", "split", "train_baseline", "train_sequence", "evaluate", "export")
STAGES: tuple[str, ...] = DATASET_STAGES + USE_CASE_STAGES
"""DVC stages; a stage's name is its room's, but `train` has two."""
