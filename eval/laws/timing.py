"""Contact timing: breaks in bodies' ways against the simulator's log of contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.reading.reading import Reading

from .impacts import LEAST_BREAK_M_S, impacts
from .windows import loose, valid_steps

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Event = tuple[int, int]
"""A body of the scene and the step at whose end its contact has shown."""

LEAST_LOGGED_M_S = 2.0 * LEAST_BREAK_M_S
"""Contacts that change a body's velocity by more than this should show in frames."""


def timing(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 12 of physics-eval: contacts read from frames, matched with logged ones by body.

    F1 within one and two frames up to the step at which the clip leaves its reference, the share
    of pairs of contacts in the logged order, and breaks of velocity with nothing near: something
    acts at a distance. Logged contacts are those that change a body's velocity enough in a frame.
    Alarms are what the reference's own frames do not lack.
    """
    valid = valid_steps(evidence)
    wanted = [event for event in logged_events(evidence) if event[1] <= valid]
    rows = [read_events(evidence, reading) for reading in (evidence.reading, evidence.floor)]
    made, true = ([event for event in row if event[1] <= valid] for row in rows)
    measures = []
    for slack in (1, 2):
        score, own = (f1(evidence, wanted, events, slack) for events in (made, true))
        alarm = NAN if np.isnan(score) or np.isnan(own) else max(0.0, own - score)
        name = f"contacts within {slack}"
        measures.append(Measure(name, score, "F1", alarm, score, worst=0.0))
    order, own_order = (_order(wanted, events) for events in (made, true))
    alarm = NAN if np.isnan(order) or np.isnan(own_order) else max(0.0, own_order - order)
    measures.append(Measure("contact order", order, "share", alarm, order, worst=0.0))
    return (*measures, _distant(evidence))


def logged_events(evidence: Evidence) -> list[Event]:
    """Contacts of the log, one for each body and run of frames: the hardest of its impulses.

    What bears a body's weight is taken off.
    """
    contacts, scene = evidence.reference.contacts, evidence.scene
    if contacts is None:
        return []
    weight_m_s = float(np.linalg.norm(scene.gravity_m_s2)) * scene.dt_s
    events = []
    for body in loose(scene):
        if body not in evidence.truth.indices:
            continue
        mine = (contacts.bodies == body).any(-1)
        impulse = np.where(mine, contacts.impulse_n_s, 0.0).max(-1, initial=0.0)
        change = impulse / max(scene.bodies[body].mass_kg, 1e-9) - weight_m_s
        hard = change > LEAST_LOGGED_M_S
        for step in np.flatnonzero(hard):
            beside = change[max(step - 1, 0) : step + 2]
            if change[step] == beside.max():
                events.append((body, int(step)))
    return events


def read_events(evidence: Evidence, reading: Reading) -> list[Event]:
    """Breaks at which something was near, as events."""
    return [
        (impact.body, impact.frame + 1) for impact in impacts(evidence, reading) if impact.touches
    ]


def f1(evidence: Evidence, wanted: list[Event], found: list[Event], slack: int) -> float:
    """Harmonic mean of precision and recall, each event matched once; NaN without logged ones.

    A break that a softer contact of the log explains is no error.
    """
    contacts = evidence.reference.contacts
    if not wanted or contacts is None:
        return NAN
    pairs = matched(wanted, found, slack)
    used = {id(event) for _, event in pairs}
    wrong = 0
    for event in found:
        body, step = event
        soft = contacts.touching(body)[max(step - slack, 0) : step + slack + 1].any()
        wrong += id(event) not in used and not soft
    return 2.0 * len(pairs) / (len(wanted) + len(pairs) + wrong)


def matched(wanted: list[Event], found: list[Event], slack: int) -> list[tuple[Event, Event]]:
    """Pairs of events of the same body within so many frames, the nearest first."""
    near = sorted(
        (abs(a[1] - b[1]), i, j)
        for i, a in enumerate(wanted)
        for j, b in enumerate(found)
        if a[0] == b[0] and abs(a[1] - b[1]) <= slack
    )
    taken: set[int] = set()
    given: set[int] = set()
    pairs = []
    for _, i, j in near:
        if i not in taken and j not in given:
            taken.add(i)
            given.add(j)
            pairs.append((wanted[i], found[j]))
    return pairs


def _order(wanted: list[Event], found: list[Event]) -> float:
    """Share of pairs of matched contacts, apart in the log, that come in the logged order."""
    pairs = matched(wanted, found, 2)
    both = [
        (a[1] - b[1], c[1] - d[1])
        for k, (a, c) in enumerate(pairs)
        for b, d in pairs[:k]
        if a[1] != b[1]
    ]
    if not both:
        return NAN
    return float(np.mean([log * read >= 0 for log, read in both]))


def _distant(evidence: Evidence) -> Measure:
    """Breaks of velocity with nothing in reach."""
    own, alone = (
        [impact for impact in impacts(evidence, reading) if not impact.touches]
        for reading in (evidence.floor, evidence.reading)
    )
    more = float(max(0, len(alone) - len(own)))
    known = {(impact.body, impact.frame) for impact in own}
    new = [impact.frame + 1 for impact in alone if (impact.body, impact.frame) not in known]
    found = bool((evidence.errors.visible & evidence.found)[1:].any())
    return Measure(
        "pushed from afar", float(len(alone)) if found else NAN, "breaks", more if found else NAN,
        1.0 if found else NAN, new[0] if more else None,
    )  # fmt: skip
