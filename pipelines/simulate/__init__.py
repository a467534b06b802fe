"""Seeded fleets that write raw payload files, as any vendor would."""

from pipelines.simulate.drift import DRIFTS
from pipelines.simulate.simulate import SimulationSummary, device_names, simulate

__all__ = ["DRIFTS", "SimulationSummary", "device_names", "simulate"]
