"""The commands that show what there is: scenarios and files; see worldsim.commands."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from worldsim import arguments
from worldsim.errors import InputError


def gallery(
    out: Path = Path("gallery.png"),
    scenarios: tuple[str, ...] = (),
    size_px: int = 128,
    seed: int = 0,
    looks: bool = False,
) -> None:
    """Draw every scenario in every split: first, middle and last frame of a scripted episode.

    Example: worldsim gallery --out gallery.png --scenarios push --size-px 96

    Args:
        out: the picture, a PNG file.
        scenarios: which ones; all when not given, or five with --looks.
        size_px: width and height of a frame.
        seed: draws the scenes.
        looks: instead, one moment of each scenario in every look of the renderer.
    """
    from worldsim import gallery as pictures

    arguments.size_px(size_px)
    arguments.not_negative(seed=seed)
    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: the gallery is a PNG file; name it so")
    draw = pictures.looks if looks else pictures.gallery
    print(draw(arguments.file(out), scenarios, size_px, seed))


def scenarios(
    names: Positional[tuple[str, ...]] = (),
    solve: int | None = None,
    workers: int = 2,
) -> None:
    """List the scenarios, show one in full, or measure how often policies solve them.

    Example: worldsim scenarios ramp

    Example: worldsim scenarios --solve 50 --workers 2

    Without a name it lists all of them; for every name it shows actions, task and splits. With
    --solve it writes nothing and ends with exit code 1 where the scripted policy succeeds in less
    than 80 % of the episodes or a random one in 20 % and more.

    Args:
        names: which ones; all when not given.
        solve: episodes of each policy, with the seeds 0, 1, 2, ...
        workers: processes that solve.
    """
    from worldsim import catalogue
    from worldsim.sim.scenarios import SCENARIOS, find_scenario

    arguments.positive(workers=workers)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    names = tuple(dict.fromkeys(names))
    found = [find_scenario(name) for name in names or SCENARIOS]
    if solve is not None:
        arguments.positive(solve=solve)
        arguments.at_most(arguments.MOST_EPISODES, solve=solve)
        _solve(names or tuple(SCENARIOS), solve, workers)
    elif names:
        print("\n\n".join(catalogue.details(scenario) for scenario in found))
    else:
        print(catalogue.overview(found))
        print("\nworldsim scenarios NAME shows one in full: actions, task and splits")


def _solve(names: tuple[str, ...], episodes: int, workers: int) -> None:
    from worldsim import exam
    from worldsim.sim.bullet import load_bullet

    load_bullet()  # where it is missing, that is said before any process is started
    grades = exam.exam(names, episodes, workers)
    print(exam.table(grades, episodes))
    bad = [grade.name for grade in grades if not grade.passed]
    if bad:
        raise RuntimeError(
            f"{', '.join(bad)}: scripted below {exam.LEAST_SCRIPTED:.0%} "
            f"or random at {exam.LEAST_TOO_OFTEN:.0%} or above"
        )


def info(path: Positional[str], json: bool = False) -> None:
    """Say what a recording, an episode, a checkpoint or a training run is.

    Example: worldsim info push-64

    Args:
        path: a folder or file that worldsim has written, or the name of a shipped checkpoint.
        json: print it for machines.
    """
    from worldsim.info import run

    run(path, json)
