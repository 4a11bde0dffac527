"""The kinds of faults, by name: what each is called, its magnitudes and where it is planted."""

from __future__ import annotations

from worldsim.errors import unknown
from worldsim.proof.faults import drawn, engine, picks, timing
from worldsim.proof.faults.fault import Cue, Fault, planted, shows
from worldsim.proof.faults.sight import Sight

__all__ = ["FAULTS", "Cue", "Fault", "Sight", "find_fault", "planted", "shows"]

Five = tuple[float, float, float, float, float]

_FRAMES: Five = (2.0, 4.0, 8.0, 12.0, 24.0)
_LATE: Five = (3.0, 4.0, 6.0, 8.0, 24.0)
_SHARES: Five = (0.3, 0.45, 0.6, 0.8, 1.0)
_FACTORS: Five = (1.25, 1.5, 2.0, 4.0, 8.0)
_JUMPS: Five = (0.3, 0.6, 1.0, 1.5, 2.4)
_LIFTS: Five = (0.35, 0.5, 1.0, 1.5, 2.0)
_FLAT = ("drop", "collide", "topple", "occlude", "push", "orbit")
_LYING = (*_FLAT, "swing", "arm")
_ALL = (*_FLAT, "swing", "throw", "ramp")
_ACTED = (*_ALL, "arm")


_KINDS = (
    Fault(
        "teleport",
        "a body jumps sideways",
        "diameters",
        _JUMPS,
        (*_FLAT, "throw"),
        picks.free_way(_JUMPS),
        engine.teleport,
    ),
    Fault(
        "float",
        "a body rises and hangs in the air",
        "diameters",
        _LIFTS,
        _LYING,
        picks.room_above(_LIFTS[-1]),
        engine.float_up,
    ),
    Fault(
        "penetrate",
        "two bodies pass through each other",
        "frames",
        _FRAMES,
        ("drop", "throw", "collide", "topple", "push"),
        picks.impact,
        engine.penetrate,
    ),
    Fault(
        "vanish",
        "a body in view is gone",
        "frames",
        _FRAMES,
        _ALL,
        picks.seen_after(8),
        drawn.vanish,
    ),
    Fault(
        "vanish-hidden",
        "a body comes out from behind the screen too late",
        "frames",
        _LATE,
        ("occlude",),
        picks.comes_out,
        drawn.vanish,
    ),
    Fault(
        "gravity",
        "gravity changes while something flies",
        "factor",
        (1.1, 1.25, 1.5, 2.0, 4.0),
        ("drop", "throw"),
        picks.flight,
        engine.gravity,
        least=1.0,
    ),
    Fault(
        "reversal",
        "time runs backwards",
        "frames",
        (1.0, 2.0, 4.0, 8.0, 12.0),
        _ACTED,
        picks.moving(before=True),
        timing.reversal,
        least=1.0,
    ),
    Fault(
        "energy",
        "bodies part faster than they met",
        "restitution",
        (1.05, 1.1, 1.2, 1.5, 2.0),
        ("drop", "throw", "collide"),
        picks.impact,
        engine.energy,
        least=1.0,
    ),
    Fault(
        "colour",
        "a body takes another colour",
        "share",
        _SHARES,
        _ALL,
        picks.recoloured,
        drawn.colour,
    ),
    Fault(
        "swap",
        "two bodies swap their colours",
        "share",
        _SHARES,
        ("drop", "collide", "topple", "occlude", "push", "orbit", "ramp", "swing"),
        picks.two_colours,
        drawn.swap,
    ),
    Fault(
        "freeze",
        "everything stands still and then goes on",
        "frames",
        _LATE,
        _ACTED,
        picks.moving(before=False),
        timing.freeze,
        least=1.0,
    ),
    Fault(
        "duplicate",
        "a second body of the same looks",
        "frames",
        _FRAMES,
        _FLAT,
        picks.free_place(1.6, 5.0, 24),
        drawn.duplicate,
    ),
    Fault(
        "shape",
        "a body is scaled",
        "share",
        (0.02, 0.05, 0.1, 0.2, 0.4),
        _ALL,
        picks.seen_after(8),
        drawn.shape,
    ),
    Fault(
        "friction",
        "a body's friction changes",
        "factor",
        _FACTORS,
        ("throw", "ramp", "topple", "push"),
        picks.any_loose,
        engine.friction,
        least=1.0,
    ),
    Fault(
        "mass",
        "a body's mass changes",
        "factor",
        _FACTORS,
        ("drop", "throw", "collide", "occlude"),
        picks.driven,
        engine.mass,
        least=1.0,
    ),
    Fault(
        "ignored",
        "actions do less, or nothing",
        "share",
        _SHARES,
        _ACTED,
        picks.any_onset,
        timing.ignored,
        least=1.0,
    ),
    Fault(
        "swapped",
        "actions of another moment are taken",
        "share",
        _SHARES,
        _ACTED,
        picks.any_onset,
        timing.swapped,
        least=1.0,
    ),
    Fault(
        "delayed",
        "actions are taken late",
        "steps",
        (1.0, 2.0, 3.0, 4.0, 6.0),
        _ACTED,
        picks.any_onset,
        timing.delayed,
        least=1.0,
    ),
    Fault(
        "force",
        "a body moves off with nothing near",
        "weights",
        (0.05, 0.1, 0.25, 0.5, 1.0),
        (*_FLAT, "throw", "ramp", "swing"),
        picks.untouched,
        engine.force,
        least=1.0,
    ),
)
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _KINDS}


def find_fault(name: str) -> Fault:
    """A kind by its name. Raises InputError on an unknown one."""
    if name not in FAULTS:
        raise unknown("fault", name, FAULTS)
    return FAULTS[name]
