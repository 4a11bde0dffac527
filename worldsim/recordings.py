"""The commands that make recordings and check them.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

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
    from worldsim.eval.page.video import FILMED, film_of
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


def render(
    data: Positional[Path],
    out: Path,
    size_px: Annotated[int | None, arg(aliases=["--size"])] = None,
    look: str | None = None,
    camera: str | None = None,
    workers: int = 2,
    video: bool = False,
    frames: bool = True,
) -> None:
    """Draw a recording anew from its states: other size, look or view; needs no pybullet.

    Example: worldsim render data/push --size 128 --look metal --out data/push-128

    The motion stays, and so do actions, rewards, contacts and seeds. Resumable; the same files,
    byte for byte, with any number of workers.

    Args:
        data: folder of the recording.
        out: folder of the new one.
        size_px: width and height of the frames; the recording's own when not given.
        look: studio, soft, matte, metal, evening, noon or night; the recording's own when not
            given, studio for what PyBullet's renderer drew.
        camera: orbit:YAW_DEG,PITCH_DEG,DISTANCE_M looks at the same point from there: yaw from +x
            counter-clockwise, pitch above the horizon.
        workers: processes.
        video: write episodes.webm too, a film of the first ten.
        frames: store the frames; --no-frames keeps states only, and frames are drawn when read.
    """
    from worldsim.data.dataset import Dataset
    from worldsim.data.redraw import Orbit, Redrawn
    from worldsim.data.simulate import simulate as record
    from worldsim.eval.page.video import FILMED, film_of
    from worldsim.sim.look import find_look

    arguments.positive(workers=workers)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    if size_px is not None:
        arguments.size_px(size_px)
    view = None if camera is None else Orbit.parse(camera)
    drawn = None if look is None else find_look(look)
    source = Dataset(data)
    if out.resolve() == data.resolve():
        raise InputError(f"--out {out} is the recording itself; choose another folder")
    maker = Redrawn(source, size_px, drawn, view, frames)
    dataset = record(maker, maker.meta, len(source), arguments.folder(out), workers)
    print(f"{out}: {len(dataset)} episodes, {dataset.frames} frames")
    if video:
        first = [dataset[index] for index in range(min(FILMED, len(dataset)))]
        print(film_of(first, out / "episodes.webm"))


def verify(data: Positional[Path], repair: bool = False) -> None:
    """Check every file of a recording against its checksum; make damaged episodes again.

    Example: worldsim verify data/push --repair

    Args:
        data: folder of a recording.
        repair: make what is damaged or missing again, byte for byte: from its seed, or what was
            rendered from the recording that it was rendered from.
    """
    from typing import Any

    from worldsim.data.dataset import Dataset
    from worldsim.data.verify import repair as mend
    from worldsim.data.verify import verify as check
    from worldsim.data.workers import Maker

    def maker_of(meta: dict[str, Any]) -> Maker:
        if "source" in meta:
            from worldsim.data.redraw import Redrawn

            return Redrawn.of_recording(data, meta)
        from worldsim.agents.collect import Collector

        return Collector.of_recording(data, meta)

    if not data.is_dir():
        raise InputError(f"no dataset at {data}: there is no such folder")
    if repair:
        for done in mend(data, maker_of):
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
