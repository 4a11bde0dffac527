"""The command that judges: models, clips from outside, and its own reading and checks.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from worldsim import arguments
from worldsim.errors import InputError, unknown

if TYPE_CHECKING:
    from worldsim.judge import Plan

MODES = ("A", "B")
EPISODES = 4


def evaluate(
    model: str | None = None,
    data: tuple[Path, ...] = (),
    out: Path = Path("runs/eval"),
    episodes: int | None = None,
    start_frames: int = 1,
    horizon: int = 48,
    train_data: tuple[Path, ...] = (),
    passes: int | None = None,
    limits: str | None = None,
    checks: tuple[str, ...] = (),
    video: Path | None = None,
    against: Path | None = None,
    video_rate_hz: float | None = None,
    limit: int | None = None,
    ceiling: bool = True,
    explain: bool = False,
    floors: bool = False,
    scenarios: tuple[str, ...] = (),
    sizes: tuple[int, ...] = (64, 128),
    modes: tuple[str, ...] = ("A", "B"),
    steps: int = 32,
    actions: bool = False,
    starts: int = 8,
    draws: int = 16,
    trust: bool = False,
    selftest: bool = False,
    clips: int = 200,
    kinds: tuple[str, ...] = (),
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Judge a model on recorded episodes: 3D errors, floors and baselines, as a report.

    Example: worldsim evaluate --model runs/tiny --data data/push-test --train-data data/push

    Of several recordings, of any scenarios and splits, it makes a report each and a table of all;
    what is finished stays in --out: the same line goes on from there.

    Example: worldsim evaluate --model all-128 --data data/*-test --start-frames 4 --horizon 64

    With --video it judges anybody's clip, or a folder of clips, by what it should show.

    Example: worldsim evaluate --video mine.mp4 --against data/push/000007

    With --floors it measures its own reading: what a perfect clip would be found to be off by.

    Example: worldsim evaluate --floors --scenarios push drop --out runs/floors

    With --actions it asks what actions change: other ones from one start, none, and many futures.

    Example: worldsim evaluate --actions --model push-64 --data data/push-test --out runs/actions

    With --trust it asks how well the model's own uncertainty and alarms tell its errors.

    With --selftest it judges itself: does it find planted faults, and let mere looks pass?

    Example: worldsim evaluate --selftest --clips 200 --out runs/selftest

    Args:
        model: name or folder of a checkpoint.
        data: folder of a recording the model was not trained on, or several.
        out: folder for report.json and report.html.
        episodes: how many of the recording, from its first, 40 when not given, all of each of
            several; floors, trust: 4 of each when not given.
        start_frames: true frames the model sees before it is on its own, 1 to 8.
        horizon: frames it then draws.
        train_data: its training recording; adds the nearest-training-clip baseline. Of several
            each recording takes that of its scenario.
        passes: passes of the network for each frame; the model's own when not given.
        limits: sane, smoke, tiny or shipped: hold the report to what such a model must reach, and
            end with exit code 1 where it does not.
        checks: those to make, all when not given: position, horizon, motion, permanence,
            appearance, static, and the laws gravity, solidity, support, rotation, consistency,
            obedience, restitution, timing, energy, momentum, friction, arrow (docs/checks.md).
        video: a film (mp4, webm, avi), an .npz file (frames, depth_m), a folder of PNGs, or a
            folder of such clips.
        against: the episode that it should show, a recording and a number (data/push/000007); for
            a folder of clips the recording, or a folder of recordings: numbers in names tell.
        video_rate_hz: frames a second of the clips, where their files tell another or none.
        limit: video: judge the first so many clips.
        ceiling: video: run the simulator again, too, from starts off by the reading's error;
            --no-ceiling takes a tenth less time.
        explain: model, video: search the physics closest to every clip, and say whether there is
            any; takes seconds a clip and needs pybullet.
        floors: measure the reading itself; needs no model and no data. What is finished stays in
            --out: the same line goes on from there.
        scenarios: floors, video: the only ones.
        sizes: floors: widths of the frames in pixels.
        modes: floors: A with depth, B without.
        steps: floors: frames an episode, after the first.
        actions: judge the model by pairs of actions, beside the simulator under the same: response,
            locality, spread of its futures (docs/checks.md).
        starts: actions: starts, one an episode of the recording.
        draws: actions: futures that the model draws of each start, 8 at least; one where it draws
            the same every time.
        trust: tell how the model's uncertainty ranks with its errors, and when its alarms fire.
        selftest: plant faults into true clips and judge those; needs no model and no data. What is
            finished stays in --out: the same line goes on from there.
        clips: selftest: faulty clips of every kind, and as many clean ones.
        kinds: selftest: kinds of faults and controls, and stress, the stress table; all when not
            given.
        seed: actions, floors, selftest: draws the clips.
        workers: processes.
    """
    from worldsim.sim.bullet import load_bullet

    if selftest:
        _selftest(out, clips, kinds, seed, workers)
        return
    if floors:
        _floors(out, model, scenarios, sizes, modes, episodes, steps, seed, workers)
        return
    if explain:
        load_bullet()  # says at once where it is missing
    if video is not None or against is not None:
        some = (scenarios, limit, start_frames, video_rate_hz)
        _video(out, video, against, checks, *some, ceiling, workers, explain)
        return
    if model is None or not data:
        ways = "--model and --data, or --video and --against, or --floors, or --selftest"
        raise InputError(f"evaluate needs {ways}")
    arguments.positive(start_frames=start_frames, horizon=horizon, passes=passes, workers=workers)
    arguments.positive(episodes=episodes)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    if trust:
        from worldsim.trust.judge import judge_trust

        few = episodes or EPISODES
        judge_trust(model, data, arguments.folder(out), few, start_frames, horizon)
        return
    if actions:
        for one in data:
            folder = out if len(data) == 1 else out / one.name
            _actions(
                model, one, folder, starts, draws, start_frames, horizon, passes, seed, workers
            )
        return
    from worldsim.eval.checks.registry import chosen
    from worldsim.judge import Plan

    if episodes is None and len(data) == 1:
        episodes = 40
    plan = Plan(model, start_frames, horizon, passes, episodes, chosen(checks or None))
    _model(plan, data, out, train_data, limits, workers, explain)


def _model(
    plan: Plan,
    data: Sequence[Path],
    out: Path,
    train_data: Sequence[Path],
    limits: str | None,
    workers: int,
    explain: bool,
) -> None:
    """See worldsim.judge.judge, and worldsim.survey.survey for several recordings."""
    from worldsim.eval.limits import LEVELS, check_limits
    from worldsim.judge import judge
    from worldsim.survey import survey

    if limits is not None and limits not in LEVELS:
        raise unknown("level", limits, LEVELS)
    folder = arguments.folder(out)
    if len(data) > 1:
        if limits is not None:
            raise InputError("--limits hold one recording to limits; give one --data")
        survey(plan, data, folder, train_data, workers, explain)
        return
    if len(train_data) > 1:
        raise InputError("one --data takes one --train-data, that of its scenario")
    seen = train_data[0] if train_data else None
    report = judge(plan, data[0], folder, seen, workers, explain)
    if limits is None:
        return
    held = check_limits(report.rows, report.diameter_m, report.episodes, limits)
    print(f"\nlimits of a {limits} model:", *held, sep="\n")
    if not all(check.passed for check in held):
        raise RuntimeError(f"{plan.model} does not reach all limits of a {limits} model")


def _actions(
    model: str,
    data: Path,
    out: Path,
    starts: int = 8,
    draws: int = 16,
    start_frames: int = 1,
    horizon: int = 48,
    passes: int | None = None,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """worldsim evaluate --actions: see worldsim.pairs.judge.judge_actions."""
    from worldsim import checkpoints
    from worldsim.pairs.judge import judge_actions
    from worldsim.pairs.plan import Plan

    arguments.positive(starts=starts)
    arguments.not_negative(seed=seed)
    folder = arguments.folder(out)
    plan = Plan(checkpoints.find(model), data, starts, draws, start_frames, horizon, passes, seed)
    judge_actions(plan, folder, workers)


def _selftest(out: Path, clips: int, kinds: Sequence[str], seed: int, workers: int) -> None:
    """worldsim evaluate --selftest: see worldsim.proof.selftest."""
    from worldsim.proof import selftest as proof

    arguments.positive(clips=clips, workers=workers)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    arguments.not_negative(seed=seed)
    proof.selftest(arguments.folder(out), clips, kinds or proof.KINDS, seed, workers)


def _video(
    out: Path,
    clips: Path | None,
    against: Path | None,
    checks: Sequence[str] = (),
    scenarios: Sequence[str] = (),
    limit: int | None = None,
    start_frames: int = 1,
    rate_hz: float | None = None,
    ceiling: bool = True,
    workers: int = 2,
    explain: bool = False,
) -> None:
    """worldsim evaluate --video: see worldsim.videos.judge.judge_videos."""
    if clips is None or against is None:
        missing = "--video (the clip)" if clips is None else "--against (what it should show)"
        raise InputError(f"a clip is judged by an episode: {missing} is missing")
    from worldsim.eval.checks.registry import chosen
    from worldsim.videos.judge import judge_videos

    arguments.positive(start_frames=start_frames, workers=workers, limit=limit)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    if rate_hz is not None and not 0.0 < rate_hz <= 1000.0:
        raise InputError(f"--video-rate-hz must be above 0 and at most 1000, got {rate_hz}")
    names = chosen(checks or None)
    folder = arguments.folder(out)
    some = (scenarios, limit, start_frames, rate_hz)
    judge_videos(clips, against, folder, names, *some, ceiling, workers, explain)


def _floors(
    out: Path,
    model: str | None = None,
    scenarios: Sequence[str] = (),
    sizes: Sequence[int] = (64, 128),
    modes: Sequence[str] = MODES,
    episodes: int | None = None,
    steps: int = 32,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """worldsim evaluate --floors: see worldsim.floors.run.measure_floors."""
    from worldsim.floors.plan import Plan
    from worldsim.floors.run import measure_floors
    from worldsim.sim.scenarios import SCENARIOS, find_scenario

    episodes = EPISODES if episodes is None else episodes
    arguments.positive(episodes=episodes, workers=workers)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    arguments.at_least(2, steps=steps)
    arguments.not_negative(seed=seed)
    for size_px in sizes:
        arguments.at_least(arguments.LEAST_PX, sizes=size_px)
        arguments.at_most(arguments.MOST_PX, sizes=size_px)
    for mode in modes:
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
    names = tuple(find_scenario(name).name for name in scenarios) or tuple(SCENARIOS)
    plan = Plan(names, tuple(sizes), tuple(modes), episodes, steps, seed, model)
    measure_floors(plan, arguments.folder(out), workers)
