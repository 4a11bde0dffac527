"""The commands that make recordings and check them.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tyro.conf import Positional

from worldsim import arguments
from worldsim.errors import InputError


def simulate(
    scenario: Positional[str],
    out: Path,
    episodes: int = 500,
    seed: int = 0,
    workers: int = 2,
    steps: int = 64,
    split: str = "id",
    frame_rate_hz: int | None = None,
    size_px: int = 64,
    video: bool = False,
    mesh: Path | None = None,
    mesh_scale: float = 1.0,
    renderer: str = "worldsim",
    look: str | None = None,
    frames: bool = True,
) -> None:
    """Record episodes of a scenario in the simulator; resumable.

    Example: worldsim simulate push --episodes 500 --out data/push --workers 2

    The same seed gives the same files, byte for byte, with any number of workers and however often
    it was interrupted.

    Args:
        scenario: what is simulated, for example push.
        out: folder of the recording.
        episodes: how many.
        seed: draws scenes and actions.
        workers: processes.
        steps: frames an episode, after the first.
        split: id (training ranges), combo (unseen combinations) or ood (outside the ranges).
        frame_rate_hz: frames and actions a second; must divide the physics rate, 240. The
            scenario's own when not given.
        size_px: width and height of the frames.
        video: write episodes.webm too, a film of the first ten.
        mesh: an .obj, .stl, .glb, .ply or .off file, the form of the body that the task is about.
        mesh_scale: the length of the mesh over the width of the body whose place it takes.
        renderer: worldsim, or PyBullet's own: tiny.
        look: studio, soft, matte, metal, evening, noon or night: materials, light, shadows.
        frames: store the frames; --no-frames keeps states only, and frames are drawn when read.
    """
    from worldsim.agents.collect import Collector, Replacement
    from worldsim.data.simulate import simulate as record
    from worldsim.eval.video import FILMED, film_of
    from worldsim.sim.bullet import load_bullet

    arguments.positive(episodes=episodes, workers=workers, steps=steps)
    arguments.at_most(arguments.MOST_EPISODES, episodes=episodes)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    arguments.not_negative(seed=seed)
    arguments.size_px(size_px)
    found, drawn = arguments.split(split), arguments.look(renderer, look)
    if mesh is None and mesh_scale != 1.0:
        raise InputError("--mesh-scale needs --mesh")
    form = None if mesh is None else Replacement.read(mesh, mesh_scale)
    maker = Collector(scenario, found, seed, steps, frame_rate_hz, size_px, form, drawn, frames)
    load_bullet()  # where it is missing, that is said before a folder is made
    dataset = record(maker, maker.meta, episodes, arguments.folder(out), workers)
    print(f"{out}: {len(dataset)} episodes, {dataset.frames} frames")
    if video:
        first = [dataset[index] for index in range(min(FILMED, len(dataset)))]
        print(film_of(first, out / "episodes.webm"))


def verify(data: Positional[Path], repair: bool = False) -> None:
    """Check every file of a recording against its checksum; make damaged episodes again.

    Example: worldsim verify data/push --repair

    Args:
        data: folder of a recording.
        repair: make what is damaged or missing again, from its seed, byte for byte.
    """
    from functools import partial

    from worldsim.agents.collect import Collector
    from worldsim.data.dataset import Dataset
    from worldsim.data.verify import repair as mend
    from worldsim.data.verify import verify as check

    if not data.is_dir():
        raise InputError(f"no dataset at {data}: there is no such folder")
    if repair:
        for done in mend(data, partial(Collector.of_recording, data)):
            print(f"{data}: {done}")
    problems = check(data)
    if problems:
        for problem in problems[:-1]:
            print(f"worldsim: {problem}", file=sys.stderr)
        raise InputError(str(problems[-1]))
    dataset = Dataset(data)
    print(f"{data}: {len(dataset)} episodes, all as recorded")
    if dataset.unfinished:
        print(f"{data} is unfinished; to go on: {dataset.meta.get('command', 'simulate again')}")
