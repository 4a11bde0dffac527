"""Film episodes as WebM, which every browser plays; needs no moviepy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.eval.page.video import write_video

Trigger = Callable[[int], bool]


class RecordWebM(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Write what `render` shows of episodes to `folder`/`prefix`-000000.webm and so on.

    The number is that of the episode; `episode_trigger` says of a number whether it is filmed, by
    default all are. A film is written when its episode ends, at the next reset, or at `close`. For
    any environment made with render_mode="rgb_array"; raises InputError without.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        folder: str | Path,
        episode_trigger: Trigger | None = None,
        prefix: str = "episode",
    ) -> None:
        given: dict[str, Any] = {"folder": folder, "episode_trigger": episode_trigger}
        RecordConstructorArgs.__init__(self, **given, prefix=prefix)
        super().__init__(env)
        if env.render_mode != "rgb_array":
            raise InputError(f'filming needs render_mode="rgb_array", got {env.render_mode!r}')
        self._folder, self._prefix = Path(folder), prefix
        self._filmed = episode_trigger or (lambda number: True)
        self._number = -1
        self._frames: list[NDArray[np.uint8]] = []

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and its film."""
        self._write()
        seen = self.env.reset(**arguments)
        self._number += 1
        self._keep()
        return seen

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act, and film what follows."""
        seen = self.env.step(action)
        self._keep()
        if seen[2] or seen[3]:
            self._write()
        return seen

    def close(self) -> None:
        """Write the film of an episode that has not ended, and close the environment."""
        self._write()
        self.env.close()

    def _keep(self) -> None:
        if self._filmed(self._number):
            frame: Any = self.env.render()
            self._frames.append(np.asarray(frame))

    def _write(self) -> None:
        frames, self._frames = self._frames, []
        if frames:
            path = self._folder / f"{self._prefix}-{self._number:06d}.webm"
            rate_hz = float(self.env.metadata.get("render_fps", 10))
            write_video(path, np.stack(frames), rate_hz, codec="VP8")
