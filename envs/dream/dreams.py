"""Dreams: one network draws them side by side, each is read and judged by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim import checkpoints
from worldsim.envs.alarms import Alarms, Limits, asked_limits
from worldsim.envs.belief import Belief
from worldsim.envs.spaces import UNTURNED, by_body
from worldsim.envs.start import Start, load_starts
from worldsim.errors import InputError
from worldsim.eval.reading.memory import Memory
from worldsim.eval.reading.perception import Poses
from worldsim.eval.reading.reading import Reading
from worldsim.frames import from_model, to_model
from worldsim.models.load import load
from worldsim.models.stepper import Snapshot, Stepper
from worldsim.sim.actuators.orbit import Orbit, Rig
from worldsim.sim.contacts import CAPACITY
from worldsim.sim.scenarios import Moment, Outcome, find_scenario
from worldsim.sim.scene import Scene

from .sight import Eyes, Sight

Info = dict[str, Any]


@dataclass
class Dream:
    """One dream as far as it was read: all but what the network remembers of it."""

    scene: Scene
    belief: Belief
    frame: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    reading: Reading  # of that frame
    steps: int = 0
    noise: torch.Generator = field(default_factory=torch.Generator)
    alarms: Alarms | None = None
    rig: Rig | None = None  # of a camera that moves

    @classmethod
    def begun(
        cls, start: Start, sight: Sight, seed: int, limits: Limits | None, rig: Rig | None
    ) -> Dream:
        """At the last of the start frames, all of them read; with `limits` it has alarms."""
        scene, reading, last = start.scene, sight.reading, len(start.frames) - 1
        alarms = None if limits is None else Alarms(scene, limits)
        dream = cls(scene, Belief.of(scene), start.frames[-1], start.depth_m[-1], reading)
        dream.alarms, dream.rig = alarms, rig
        for t, action in enumerate([None, *start.actions]):
            dream._take_in(reading.part(t, t), action, 0.0)
        dream.reading, dream.belief.memory = reading.part(last, last), sight.memory
        dream.noise.manual_seed(seed)
        return dream

    def see(
        self,
        frame: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        sight: Sight,
        action: NDArray[np.float32],
        doubt_m: float,
    ) -> None:
        """Take in the next frame, into which the action led; `doubt_m` is the model's own."""
        self.frame, self.depth_m, self.reading = frame, depth_m, sight.reading
        self.belief.memory = sight.memory
        self._take_in(sight.reading, action, doubt_m)
        self.steps += 1

    def _take_in(
        self, reading: Reading, action: NDArray[np.float32] | None, doubt_m: float
    ) -> None:
        self.belief.update(reading.position_m[0], reading.covariance_m2[0], reading.found[0])
        if self.alarms is not None:
            self.alarms.add(reading, action, doubt_m)

    def moment(self) -> Moment:
        """Orientations are the scene's own: they are not read off frames; a camera's is known."""
        turned = np.array([body.orientation_xyzw for body in self.scene.bodies])
        if self.rig is not None:
            turned[self.scene.index(self.scene.actuator.body)] = self.rig.view.orientation_xyzw
        return Moment(self.belief.position_m, turned, self.belief.velocity_m_s)

    def copy(self) -> Dream:
        """The same moment, to go on by itself."""
        noise = torch.Generator()
        noise.set_state(self.noise.get_state())
        alarms = None if self.alarms is None else self.alarms.copy()
        return replace(
            self, belief=self.belief.copy(), noise=noise, alarms=alarms, rig=copy(self.rig)
        )

    def info(self, outcome: Outcome) -> Info:
        """As documented at SimulatorEnv, arrays of its own."""
        moment, belief = self.moment(), self.belief
        return {
            "depth_m": self.depth_m.copy(),
            "segmentation": self.reading.segmentation[0].copy(),
            "body_count": np.array(len(self.scene.bodies), np.int32),
            "position_m": by_body(moment.position_m),
            "orientation_xyzw": by_body(moment.orientation_xyzw, UNTURNED),
            "velocity_m_s": by_body(moment.velocity_m_s),
            "angular_velocity_rad_s": by_body(np.zeros_like(moment.velocity_m_s)),
            "contact_count": np.array(0, np.int32),
            "contact_bodies": np.full((CAPACITY, 2), -1, np.int32),
            "contact_point_m": np.zeros((CAPACITY, 3)),
            "contact_normal": np.zeros((CAPACITY, 3)),
            "contact_impulse_n_s": np.zeros(CAPACITY),
            "body_found": by_body(belief.found, False),
            "position_error_m": by_body(belief.error_m),
            "distance_m": outcome.distance_m,
            "success": outcome.success,
            "failed": outcome.failed,
            "steps": self.steps,
            **({} if self.alarms is None else self.alarms.told()),
        }


class Dreams:
    """`count` dreams of a checkpoint's model in one scenario, of any ages.

    `checkpoint`, `scenario`, `passes`, `size_px`, `device` and `alarms` as documented at
    WorldModelEnv, `workers` at Eyes.
    """

    def __init__(
        self,
        count: int,
        checkpoint: str | None,
        scenario: str | None,
        passes: int | None,
        size_px: int | None,
        device: str,
        workers: int = 0,
        alarms: bool | Limits = False,
    ) -> None:
        if passes is not None and (not isinstance(passes, int) or passes < 1):
            raise InputError(f"passes must be a whole number, 1 or more, got {passes!r}")
        folder = checkpoints.find(checkpoint or checkpoints.default(scenario or "push"))
        model = load(folder)
        self.scenario = find_scenario(scenario or str(model.config.scenarios[0]))
        if self.scenario.name not in model.config.scenarios:
            known = ", ".join(repr(name) for name in model.config.scenarios)
            raise InputError(
                f"checkpoint {folder.name!r} is a model of {known}, not of {self.scenario.name!r}"
            )
        self.size_px, width_px = int(model.config.height_px), int(model.config.width_px)
        if size_px not in (None, self.size_px):
            raise InputError(
                f"checkpoint {folder.name!r} draws {width_px} x {self.size_px} px, not {size_px}; "
                f"make the environment with size_px={width_px}"
            )
        try:
            model = model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"device {device!r}: {str(error).splitlines()[0]}") from error
        self.domain = model.domain(self.scenario.name)
        self.source = f"model:{folder.name}"
        self.starts = load_starts(folder, self.scenario.name)
        self.template = self.starts.template
        self.limits = asked_limits(alarms, self.scenario.name, folder.name)
        doubts = self.limits is not None
        passes = passes or self.domain.passes
        self.stepper = Stepper(model, passes, self.domain.index, doubts=doubts)
        self.rows: list[Dream | None] = [None] * count
        self.eyes = Eyes(workers)

    def __getitem__(self, row: int) -> Dream:
        """A dream that has begun."""
        dream = self.rows[row]
        assert dream is not None
        return dream

    def begin(self, starts: Mapping[int, Start], seeds: Mapping[int, int]) -> None:
        """Begin the dreams of some rows anew; their seeds are those of their noise."""
        alike = defaultdict(list)
        for row, start in starts.items():
            alike[len(start.frames)].append(row)
        for rows in alike.values():
            self.stepper.put(rows, self._opening([starts[row] for row in rows]), len(self.rows))
        rigs = [rig_of(start.scene) for start in starts.values()]
        shown = [
            (s.frames, s.depth_m, s.scene, Memory.of(s.scene), _poses(rig, s.actions))
            for s, rig in zip(starts.values(), rigs, strict=True)
        ]
        sights = self.eyes(shown)
        for (row, start), sight, rig in zip(starts.items(), sights, rigs, strict=True):
            self.rows[row] = Dream.begun(start, sight, seeds[row], self.limits, rig)

    def step(self, actions: Mapping[int, NDArray[np.float32]]) -> None:
        """Draw the next frame of the rows that have an action, and read it.

        The others must begin anew, or be put back, before they are looked at again.
        """
        taken = np.zeros((len(self.rows), self.domain.action_size), np.float32)
        for row, action in actions.items():
            taken[row] = self._learned(action, self[row].scene)
        noise = [torch.Generator() if dream is None else dream.noise for dream in self.rows]
        drawn = self.stepper.step(self._on_device(taken), noise).cpu().numpy()
        if not np.isfinite(drawn[list(actions)]).all():
            raise InputError(f"{self.source} drew a NaN; its weights or start frames are damaged")
        images = [from_model(drawn[row], self.domain.depth_range_m) for row in actions]
        shown = []
        for row, (frame, depth_m) in zip(actions, images, strict=True):
            poses = _poses(self[row].rig, actions[row][None], first=False)
            dream = self[row]
            shown.append((frame[None], depth_m[None], dream.scene, dream.belief.memory, poses))
        near_m, far_m = self.domain.depth_range_m
        doubt_m = 0.5 * (far_m - near_m) * self.stepper.doubt.cpu().double().numpy()
        for row, image, sight in zip(actions, images, self.eyes(shown), strict=True):
            self[row].see(*image, sight, actions[row], float(doubt_m[row]))

    def outcome(self, row: int) -> Outcome:
        """What the task says of a dream's moment."""
        return self.scenario.task(self[row].scene, self[row].moment())

    def take(self, row: int) -> tuple[Dream, Snapshot]:
        """A dream's moment, to put back later."""
        return self[row].copy(), self.stepper.snapshot([row])

    def put(self, row: int, dream: Dream, memory: Snapshot) -> None:
        """Go on from a moment, in whatever row. InputError where it is another model's."""
        if not memory.fits(self.stepper.model):
            raise InputError(f"this state is not one of {self.source} as it is now")
        if self.limits is not None and dream.alarms is None:
            raise InputError("this state has no alarms; take it of an environment with alarms")
        self.stepper.put([row], memory, len(self.rows))
        self.rows[row] = dream = dream.copy()
        if self.limits is None:
            dream.alarms = None

    def beside(self, count: int) -> Dreams:
        """Other dreams of the same model, `count` of them, which have still to begin."""
        others = copy(self)
        model, passes = self.stepper.model, self.stepper.passes
        doubts = self.stepper.doubts
        others.stepper = Stepper(model, passes, self.domain.index, doubts=doubts)
        others.rows, others.eyes = [None] * count, Eyes(self.eyes.workers)
        return others

    def _opening(self, starts: Sequence[Start]) -> Snapshot:
        """What the network remembers after start frames, as many of each."""
        stepper = self.stepper
        frames = [to_model(s.frames, s.depth_m, self.domain.depth_range_m) for s in starts]
        actions = [self._learned(start.actions, start.scene) for start in starts]
        opening = Stepper(stepper.model, stepper.passes, self.domain.index)
        opening.start(self._on_device(np.stack(frames)), self._on_device(np.stack(actions)))
        return opening.snapshot()

    def _learned(self, actions: NDArray[np.float32], scene: Scene) -> NDArray[np.float32]:
        """A scene's actions in the scales that the model learned; an ood scene has larger ones."""
        return scene.action_spec.convert(actions, self.template.action_spec)

    def _on_device(self, values: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(values).to(self.stepper.model.device)


def rig_of(scene: Scene) -> Rig | None:
    """What carries the scene's camera, at its start; None where it stands still."""
    actuator = scene.actuator
    return Rig(actuator, scene) if isinstance(actuator, Orbit) else None


def _poses(rig: Rig | None, actions: NDArray[np.float32], first: bool = True) -> Poses | None:
    """Places and turns of a camera after each action, and before the `first`; it moves on."""
    if rig is None:
        return None
    views = [rig.view] if first else []
    for action in actions:
        rig.act(action)
        views.append(rig.view)
    return (
        np.array([view.position_m for view in views]),
        np.array([view.orientation_xyzw for view in views]),
    )
