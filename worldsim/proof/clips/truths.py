"""Truths: the simulator's clips that faults are planted into, each a function of its number."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from zlib import crc32

from worldsim.agents.collect import Collector
from worldsim.episode import Episode
from worldsim.proof.clips.film import film, shots_of

SCENARIOS = (
    "drop",
    "throw",
    "collide",
    "ramp",
    "topple",
    "occlude",
    "swing",
    "push",
    "orbit",
    "arm",
)
STEPS = {10: 32, 20: 24}
"""Steps of a clip by the scenario's frame rate in Hz."""
SIZE_PX = 128
MOST_CLIPS = 1 << 20
KEPT = 32
"""Clips of 4 MB that a process keeps."""
ATTEMPTS = 128
"""So many seeds are tried for a clip in which a fault shows."""


def number_of(scenario: str, part: str, clip: int, attempt: int = 0) -> int:
    """The number of a true clip: no two of these share a seed.

    `part` names what the clip is for, for example "clean": parts are disjoint.
    """
    drawn = (crc32(part.encode()) * MOST_CLIPS + clip) * ATTEMPTS + attempt
    return drawn * len(SCENARIOS) + SCENARIOS.index(scenario)


@dataclass
class Truths:
    """Makes true clip `number` of a selftest's seed: scene, explored actions, states, images.

    `steps` is the length of all clips; that of STEPS when not given.
    """

    seed: int = 0
    size_px: int = SIZE_PX
    steps: int | None = None
    _collectors: dict[str, Collector] = field(default_factory=dict, init=False, repr=False)
    _made: OrderedDict[int, Episode] = field(default_factory=OrderedDict, init=False, repr=False)

    def __call__(self, number: int) -> Episode:
        """The last few are kept: asked for again, a clip is the same object."""
        if number not in self._made:
            self._made[number] = self._make(number)
        self._made.move_to_end(number)
        while len(self._made) > KEPT:
            self._made.popitem(last=False)
        return self._made[number]

    def _make(self, number: int) -> Episode:
        rest, index = divmod(number, len(SCENARIOS))
        name = SCENARIOS[index]
        if name not in self._collectors:
            collector = Collector(name, seed=self.seed, size_px=self.size_px, frames=False)
            steps = self.steps or STEPS[collector.meta["frame_rate_hz"]]
            self._collectors[name] = replace(collector, steps=steps)
        return with_images(self._collectors[name](rest))


def with_images(episode: Episode) -> Episode:
    """An episode recorded without images, drawn from its states, with these and contacts kept."""
    if episode.states is None:
        raise ValueError("an episode without states cannot be drawn")
    drawn = film(episode, shots_of(episode.scene, episode.states), episode.source)
    return replace(drawn, states=episode.states, contacts=episode.contacts)
