"""Batches without padding: which sequences go together, and their steps laid out for the time loop."""

from sklearn_rnn.batches.packing import Packing as Packing

__all__ = ["Packing"]
