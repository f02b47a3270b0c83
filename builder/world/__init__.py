"""The demo world: a generated encyclopedia, multi-hop questions, a simulated teacher, exact labels."""

from .evidence import Evidence
from .files import load_world, write_world
from .oracle import oracle_labels
from .pages import Fact
from .teacher import SimulatedTeacher
from .world import World, generate

__all__ = [
    "Evidence",
    "Fact",
    "SimulatedTeacher",
    "World",
    "generate",
    "load_world",
    "oracle_labels",
    "write_world",
]
