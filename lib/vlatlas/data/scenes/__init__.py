"""scenes: a procedural world of drawn objects with exact ground truth, a pure function of (seed, index)."""

from .graph import Scene, SceneObject
from .parse import ParseError, parse
from .statement import Statement
from .world import DATA_VERSION, Batch, World

__all__ = ["DATA_VERSION", "Batch", "ParseError", "Scene", "SceneObject", "Statement", "World", "parse"]
