"""Meshes and clouds of the user: read by rules that are said, embedded, and evaluated by the papers' protocols."""

from concord3d.features.cloud_form import Layer
from concord3d.own_data.embedding import embed_data
from concord3d.own_data.evaluation import OwnEvaluation, evaluate_data
from concord3d.own_data.reading import OwnData, Reading, read_own_data

__all__ = ["Layer", "OwnData", "OwnEvaluation", "Reading", "embed_data", "evaluate_data", "read_own_data"]
