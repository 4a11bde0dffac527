"""Many dreams as one Gymnasium vector environment: one network pass draws a frame of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array
from numpy.typing import NDArray

from worldsim.envs.alarms import Limits, check_names
from worldsim.envs.dream.dreams import Dreams, Info
from worldsim.envs.dream.state import DreamState, check_state
from worldsim.envs.observe import Observation, Observer
from worldsim.envs.spaces import (
    RENDER_MODES,
    action_space,
    check_action,
    check_options,
    check_render_mode,
    check_usable,
)
from worldsim.envs.start import OPTIONS, Start
from worldsim.envs.vector.asked import Seeds, autoreset, chosen_rows, row_seeds, row_starts
from worldsim.errors import InputError

Flags = NDArray[np.bool_]
Step = tuple[Observation, NDArray[np.float64], Flags, Flags, Info]


class WorldModelVectorEnv(VectorEnv[Observation, NDArray[np.float32], NDArray[Any]]):
    """`num_envs` times WorldModelEnv, which documents the other arguments and what it returns.

    `gymnasium.make_vec("worldsim/Push-WM-v0", num_envs=8)` makes it. With equal seeds and actions a
    row gives what a WorldModelEnv alone gives, frames to 1e-4 of their range: kernels differ with
    the size of a batch.

    Seeds
        An integer gives row i the seed plus i; a sequence gives each its own.
    End
        A row ends on success or failure, or is truncated after `max_episode_steps`. What follows is
        `autoreset_mode`, as in Gymnasium: "NextStep" begins it anew in the next step, whose
        action it does not see; "SameStep" at once, with what was seen last in `info["final_obs"]`
        and `info["final_info"]`; "Disabled" leaves that to `reset(options={"reset_mask": mask})`,
        and refuses to step before.
    Speed
        Reading the frames takes a third to a half of a step. It can be done in `workers` processes,
        see Eyes; 0 is here.
    Start
        Reset options are those of WorldModelEnv and hold for all rows; `{"each": [...]}` has those
        of every row.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 10}

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        checkpoint: str | None = None,
        passes: int | None = None,
        render_mode: str | None = None,
        size_px: int | None = None,
        end_on_success: bool = True,
        scenario: str | None = None,
        observation: str = "rgb",
        device: str = "cpu",
        workers: int = 0,
        alarms: bool | Limits = False,
        truncate_on: tuple[str, ...] = (),
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs must be 1 or more, got {num_envs}")
        if max_episode_steps is not None and max_episode_steps < 1:
            raise InputError(f"max_episode_steps must be 1 or more, got {max_episode_steps}")
        mode = autoreset(autoreset_mode)
        self.render_mode = check_render_mode(render_mode)
        self.end_on_success = end_on_success
        self.max_episode_steps = max_episode_steps
        self.truncate_on = check_names(truncate_on)
        watched = alarms or bool(truncate_on)
        dreams = Dreams(num_envs, checkpoint, scenario, passes, size_px, device, workers, watched)
        self._hold(dreams, Observer(observation, dreams.scenario, dreams.size_px), mode)

    @classmethod
    def branched(
        cls, dreams: Dreams, state: DreamState, count: int, observer: Observer
    ) -> WorldModelVectorEnv:
        """`count` dreams that go on from a state; see WorldModelEnv.branch."""
        if count < 1:
            raise InputError(f"a moment branches into 1 or more, got {count}")
        env = cls.__new__(cls)
        env.render_mode, env.end_on_success, env.max_episode_steps = None, False, None
        env.truncate_on = ()
        env._hold(dreams.beside(count), observer, AutoresetMode.DISABLED)
        env.set_state([state] * count)
        for row, seed in enumerate(np.random.SeedSequence(_entropy(state)).spawn(count)):
            env._generators[row] = generator = np.random.default_rng(seed)
            env._dreams[row].noise.manual_seed(int(generator.integers(2**63)))
        return env

    def _hold(self, dreams: Dreams, observer: Observer, mode: AutoresetMode) -> None:
        count = self.num_envs = len(dreams.rows)
        self._dreams, self._observer, self._autoreset = dreams, observer, mode
        self.size_px, self.source = dreams.size_px, dreams.source
        rate_hz = dreams.template.frame_rate_hz
        self.metadata = {**self.metadata, "render_fps": rate_hz, "autoreset_mode": mode}
        self.single_observation_space = observer.space
        self.single_action_space = action_space(dreams.domain.action_size)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self._generators: list[np.random.Generator | None] = [None] * count
        self._ended = np.zeros(count, np.bool_)

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin all dreams anew, or those of `options["reset_mask"]`, a bool array (num_envs,)."""
        check_usable(self.closed)
        options = check_options(options, ("reset_mask", "each", *OPTIONS))
        mask = chosen_rows(options.pop("reset_mask", None), self.num_envs)
        if any(dream is None for dream in np.array(self._dreams.rows, object)[~mask]):
            raise gymnasium.error.ResetNeeded("the first reset is one of all dreams: no reset_mask")
        each = row_starts(options, self._dreams.starts, self.num_envs)
        seeds = row_seeds(seed, self.num_envs)
        rows = np.flatnonzero(mask).tolist()
        for row in rows:
            if seeds[row] is not None:
                self._generators[row], _ = seeding.np_random(seeds[row])
        self._begin(rows, each)
        self._ended[mask] = False
        infos: Info = {}
        observations = []
        for row in range(self.num_envs):
            observation, _, _, info = self._seen(row)
            observations.append(observation)
            if mask[row]:
                infos = self._add_info(infos, info, row)
        return self._batched(observations), infos

    def step(self, actions: NDArray[np.float32]) -> Step:
        """Dream one frame on with actions (num_envs, A), one row each."""
        self._check_begun("step")
        live = [row for row in range(self.num_envs) if not self._ended[row]]
        if self._autoreset == AutoresetMode.DISABLED and len(live) < self.num_envs:
            raise gymnasium.error.ResetNeeded(
                f"dreams {np.flatnonzero(self._ended).tolist()} have ended; reset them with "
                'options={"reset_mask": mask}'
            )
        given = np.asarray(actions)
        if given.shape[:1] != (self.num_envs,):
            raise InputError(f"step takes {self.num_envs} actions, got an array of {given.shape}")
        taken = {row: check_action(self._dreams[row].scene.action_spec, given[row]) for row in live}
        if live:
            self._dreams.step(taken)
        self._begin(np.flatnonzero(self._ended).tolist(), {})
        return self._stepped(live)

    def render(self) -> tuple[NDArray[Any], ...] | None:
        """The current frames, or their depths in metres, as `render_mode` says; None without."""
        self._check_begun("render")
        if self.render_mode is None:
            return None
        dreams = [self._dreams[row] for row in range(self.num_envs)]
        if self.render_mode == "depth_array":
            return tuple(dream.depth_m.copy() for dream in dreams)
        return tuple(dream.frame.copy() for dream in dreams)

    def close_extras(self) -> None:
        """End the processes that read."""
        self._dreams.eyes.close()

    def get_state(self) -> tuple[DreamState, ...]:
        """This moment of every row, exactly; each may go on in any environment of this model."""
        self._check_begun("get_state")
        return tuple(
            DreamState(
                self.source,
                *self._dreams.take(row),
                dict(self._generator(row).bit_generator.state),
            )
            for row in range(self.num_envs)
        )

    def set_state(self, states: Sequence[DreamState]) -> tuple[Observation, Info]:
        """Go back to moments of WorldModelEnv's or of rows, one a row; returns what reset would."""
        check_usable(self.closed)
        if len(states) != self.num_envs:
            raise InputError(f"set_state needs {self.num_envs} states, got {len(states)}")
        for state in states:
            check_state(state, self.source)
        infos: Info = {}
        observations = []
        for row, state in enumerate(states):
            self._dreams.put(row, state.dream, state.memory)
            self._generator(row).bit_generator.state = state.generator
            observation, _, ended, info = self._seen(row)
            self._ended[row] = state.dream.steps > 0 and (ended or self._timed_out(row))
            observations.append(observation)
            infos = self._add_info(infos, info, row)
        return self._batched(observations), infos

    def _stepped(self, live: list[int]) -> Step:
        """What the rows show now: those not live have just begun anew."""
        rewards = np.zeros(self.num_envs)
        terminated, truncated = (np.zeros(self.num_envs, np.bool_) for _ in range(2))
        seen = [self._seen(row) for row in range(self.num_envs)]
        for row in live:
            _, rewards[row], terminated[row], info = seen[row]
            alarmed = any(info["alarms"][name] for name in self.truncate_on)
            truncated[row] = alarmed or self._timed_out(row)
        infos: Info = {}
        self._ended = terminated | truncated
        if self._autoreset == AutoresetMode.SAME_STEP and self._ended.any():
            rows = np.flatnonzero(self._ended).tolist()
            for row in rows:
                final = {"final_obs": seen[row][0], "final_info": seen[row][-1]}
                infos = self._add_info(infos, final, row)
            self._begin(rows, {})
            for row in rows:
                seen[row] = self._seen(row)
            self._ended[:] = False
        for row, (_, _, _, info) in enumerate(seen):
            infos = self._add_info(infos, info, row)
        observations = self._batched([observation for observation, *_ in seen])
        return observations, rewards, terminated, truncated, infos

    def _begin(self, rows: list[int], each: dict[int, Start]) -> None:
        """Begin rows anew, from the starts in `each` or from drawn ones."""
        starts, seeds = {}, {}
        for row in rows:
            generator = self._generator(row)
            starts[row] = each.get(row) or self._dreams.starts.draw(generator)
            seeds[row] = int(generator.integers(2**63))
        self._dreams.begin(starts, seeds)

    def _seen(self, row: int) -> tuple[Observation, float, bool, Info]:
        dream, outcome = self._dreams[row], self._dreams.outcome(row)
        info = dream.info(outcome)
        observation = self._observer(dream.frame, info, dream.scene)
        ended = (outcome.success or outcome.failed) and self.end_on_success
        return observation, outcome.reward, ended, info

    def _timed_out(self, row: int) -> bool:
        limit = self.max_episode_steps
        return limit is not None and self._dreams[row].steps >= limit

    def _batched(self, observations: list[Observation]) -> Observation:
        empty: Any = create_empty_array(self.single_observation_space, self.num_envs)
        return concatenate(self.single_observation_space, observations, empty)

    def _generator(self, row: int) -> np.random.Generator:
        generator = self._generators[row]
        if generator is None:
            generator, _ = seeding.np_random()
            self._generators[row] = generator
        return generator

    def _check_begun(self, call: str) -> None:
        check_usable(self.closed, self._dreams.rows[0] is not None, call)


def _entropy(state: DreamState) -> int:
    """A number that hangs on the state's generator, without drawing from it."""
    generator = np.random.default_rng()
    generator.bit_generator.state = state.generator
    return int(generator.integers(2**63))
