"""A Gymnasium vector environment as Stable-Baselines3 takes them (extra `agents`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from worldsim.errors import InputError

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise InputError(
        "Stable-Baselines3 is not installed; pip install 'worldsim[agents]'"
    ) from error

Indices = None | int | Iterable[int]


class StableVecEnv(VecEnv):
    """`PPO("CnnPolicy", StableVecEnv(envs))`, with `envs` made in the autoreset mode "SameStep".

    What was seen last in an episode is `infos[row]["terminal_observation"]`, and
    `infos[row]["TimeLimit.truncated"]` says whether time was all that ended it, as in
    Stable-Baselines3. Raises InputError in another autoreset mode.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any]) -> None:
        if envs.metadata.get("autoreset_mode") is not AutoresetMode.SAME_STEP:
            raise InputError('Stable-Baselines3 needs make_vec(..., autoreset_mode="SameStep")')
        self.envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin all episodes anew, with the seeds and options given to `seed`, `set_options`."""
        seeds = None if all(seed is None for seed in self._seeds) else self._seeds
        observations, infos = self.envs.reset(seed=seeds)  # type: ignore[arg-type]
        self.reset_infos = [_row(infos, row) for row in range(self.num_envs)]
        self._reset_seeds()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Take them."""
        observations, rewards, terminated, truncated, infos = self.envs.step(self._actions)
        done = terminated | truncated
        rows = []
        for row in range(self.num_envs):
            seen = _row(infos["final_info"] if done[row] else infos, row)
            seen["TimeLimit.truncated"] = bool(truncated[row] and not terminated[row])
            if done[row]:
                seen["terminal_observation"] = infos["final_obs"][row]
            rows.append(seen)
        return observations, rewards.astype(np.float32), done, rows

    def close(self) -> None:
        """Close the environments."""
        self.envs.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """The current frames."""
        images: Any = self.envs.render()
        return images or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """An attribute of the environments, the same for each of them."""
        return [getattr(self.envs, attr_name)] * len(self._get_indices(indices))  # type: ignore[arg-type]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Not done: the rows share all attributes."""
        raise InputError(f"rows of one environment share {attr_name!r}; set it on `envs`")

    def env_method(
        self, method_name: str, *args: Any, indices: Indices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of all environments at once; the answer is the same for each of them."""
        answer = getattr(self.envs, method_name)(*args, **kwargs)
        return [answer] * len(self._get_indices(indices))  # type: ignore[arg-type]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> list[bool]:
        """Rows have no wrappers of their own."""
        return [False] * len(self._get_indices(indices))  # type: ignore[arg-type]


def _row(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """What infos say of one row."""
    return {
        key: values[row]
        for key, values in infos.items()
        if not key.startswith(("_", "final_")) and infos[f"_{key}"][row]
    }
