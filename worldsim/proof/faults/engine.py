"""Faults of the engine: state, parameters and forces edited while it runs."""

from __future__ import annotations

import numpy as np

from worldsim.proof.faults.fault import Cue, Run, factor

RISE_STEPS = 4
PULL_STEPS = 2


def teleport(run: Run, cue: Cue, diameters: float) -> None:
    """Put the body elsewhere at once, velocity and all."""
    way_m = diameters * run.body(cue.body).diameter_m * np.array(cue.toward)
    run.edit.shift(cue.body, way_m.tolist())


def float_up(run: Run, cue: Cue, diameters: float) -> None:
    """Lift the body within a few steps and bear its weight from then on: it hangs."""
    body, gravity = run.body(cue.body), np.array(run.scene.gravity_m_s2)
    rise_s = RISE_STEPS * run.scene.dt_s
    up = -gravity / np.linalg.norm(gravity)
    velocity_m_s = tuple(diameters * body.diameter_m / rise_s * up)
    run.edit.pull(cue.body, tuple(-body.mass_kg * gravity))

    def act(k: int) -> None:
        if k <= RISE_STEPS:
            run.edit.move(cue.body, velocity_m_s, (0.0, 0.0, 0.0))
        elif k == RISE_STEPS + 1:
            run.edit.move(cue.body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    run.each_step(act)


def penetrate(run: Run, cue: Cue, frames: float) -> None:
    """Let two bodies pass through each other for so many frames."""
    run.edit.collide(cue.body, cue.other, meet=False)

    def act(k: int) -> None:
        if k == int(frames) + 1:
            run.edit.collide(cue.body, cue.other, meet=True)

    run.each_step(act)


def gravity(run: Run, cue: Cue, times: float) -> None:
    """Multiply gravity, or divide it."""
    scale = factor(times, cue.sign)
    run.edit.gravity(tuple(scale * value for value in run.scene.gravity_m_s2))


def energy(run: Run, cue: Cue, restitution: float) -> None:
    """Let two bodies part faster than they met: PyBullet takes the product of both values."""
    for name in (cue.body, cue.other):
        run.edit.matter(name, restitution=float(np.sqrt(restitution)))


def friction(run: Run, cue: Cue, times: float) -> None:
    """Multiply the body's friction, or divide it."""
    run.edit.matter(cue.body, friction=factor(times, cue.sign) * run.body(cue.body).friction)


def mass(run: Run, cue: Cue, times: float) -> None:
    """Multiply the body's mass, or divide it."""
    run.edit.matter(cue.body, mass_kg=factor(times, cue.sign) * run.body(cue.body).mass_kg)


def force(run: Run, cue: Cue, weights: float) -> None:
    """Pull the body sideways for two steps, with nothing there that pulls."""
    weight_n = run.body(cue.body).mass_kg * float(np.linalg.norm(run.scene.gravity_m_s2))
    pull_n = tuple(weights * weight_n * np.array(cue.toward))
    run.edit.pull(cue.body, pull_n)

    def act(k: int) -> None:
        if k == PULL_STEPS + 1:
            run.edit.pull(cue.body, (0.0, 0.0, 0.0))

    run.each_step(act)
