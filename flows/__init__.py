"""Prefect flows: when, in what order, how often to retry. DVC decides whether; `pipelines` knows how. No ML here."""
