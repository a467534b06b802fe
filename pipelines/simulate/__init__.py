"""Seeded fleets that write raw payload files, as any vendor would."""

from pipelines.simulate.drift import DRIFTS
from pipelines.simulate.fleet import device_names
from pipelines.simulate.simulate import SimulationSummary, simulate

__all__ = ["DRIFTS", "SimulationSummary", "device_names", "simulate"]
