"""Record episodes into a dataset's folder: resumable, and the same bytes for any worker count."""

from __future__ import annotations

import hashlib
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from tqdm import tqdm

from worldsim.data import workers as processes
from worldsim.data.atomic import LOCK_FILE, is_temporary, locked, write_whole
from worldsim.data.dataset import (
    EPISODES_FOLDER,
    INDEX_FILE,
    META_FILE,
    Dataset,
    Entry,
    encode_meta,
    episode_file,
    read_index,
    read_meta,
    seal_meta,
)
from worldsim.data.store import decode, encode, read_bytes
from worldsim.data.workers import Maker
from worldsim.errors import InputError

_PACKAGES = ("worldsim", "numpy", "pybullet")


def simulate(
    make_episode: Maker,
    meta: dict[str, Any],
    episodes: int,
    out: Path | str,
    workers: int = 1,
    progress: bool = True,
) -> Dataset:
    """Record episodes 0 .. `episodes` - 1 of `make_episode` into the folder `out`.

    `make_episode(index)` must be picklable and depend on nothing but its own value and `index`.
    `meta` says what it makes and goes to dataset.json: at least scenario, split, seed and steps;
    camera, action spec, rates, renderer and package versions are added.

    Killed at any moment and called again with the same arguments, it ends with the same files,
    byte for byte; called with more episodes it extends the dataset, and it never shrinks one.
    Finished episodes are checked before they are kept. Progress goes to stderr.

    Raises InputError when `out` is a foreign folder, was recorded with other settings, is being
    recorded by another process or cannot be written; RuntimeError naming the episode and the seed
    when `make_episode` fails; KeyboardInterrupt on Ctrl-C, after the workers have stopped and a
    line on stderr has said how to go on.
    """
    if episodes < 1 or workers < 1:
        raise InputError(f"episodes and workers must be at least 1, got {episodes} and {workers}")
    folder = Path(out)
    _refuse_foreign(folder)
    try:
        with (
            locked(folder, "recording into"),
            processes.started(make_episode, min(workers, episodes)) as pool,
        ):
            (folder / EPISODES_FOLDER).mkdir(exist_ok=True)
            _remove_drafts(folder)
            listed = _prepare(folder, meta, pool)
            total = max(episodes, len(listed), max(_recorded(folder), default=-1) + 1)
            entries = _record(pool, folder, total, listed, meta["seed"], progress)
            _remove_drafts(folder)
            text = "".join(f"{entry.to_json()}\n" for entry in entries)
            write_whole(folder / INDEX_FILE, text.encode())
    except KeyboardInterrupt:
        done = len(_recorded(folder))
        print(
            f"{done} of {episodes} episodes are in {folder}; recording again goes on from there",
            file=sys.stderr,
        )
        raise
    return Dataset(folder)


def _record(
    pool: ProcessPoolExecutor,
    folder: Path,
    total: int,
    listed: list[Entry],
    seed: int,
    progress: bool,
) -> list[Entry]:
    known: list[Entry | None] = [*listed, *[None] * (total - len(listed))]
    futures = {
        processes.submit(pool, _keep_or_make, folder, index, known[index]): index
        for index in range(total)
    }
    entries: dict[int, Entry] = {}
    frames, start_s = 0, time.monotonic()
    with tqdm(total=total, desc="simulate", unit="episode", disable=not progress) as bar:
        for future in as_completed(futures):
            index = futures[future]
            entries[index], made = processes.result(future, f"episode {index} (seed {seed})")
            frames += made
            if frames:
                rate_hz = frames / (time.monotonic() - start_s)
                bar.set_postfix_str(f"{rate_hz:.0f} frames/s", refresh=False)
            bar.update()
    return [entries[index] for index in range(total)]


def _keep_or_make(
    make_episode: Maker, folder: Path, index: int, listed: Entry | None
) -> tuple[Entry, int]:
    """The facts of episode `index`, kept or made, and how many frames were made for it."""
    path = folder / episode_file(index)
    if path.is_file():
        found = read_bytes(path)
        if listed is None:
            kept = _facts(index, found)
        else:
            kept = listed if hashlib.sha256(found).hexdigest() == listed.sha256 else None
        if kept is not None:
            return kept, 0
    episode = make_episode(index)
    content = encode(episode)
    write_whole(path, content)
    return _entry(index, content, episode.scene.seed, episode.steps), len(episode.frames)


def _facts(index: int, content: bytes) -> Entry | None:
    """The facts of a file that no index lists, or None if it is not what its episode encodes to."""
    try:
        episode = decode(content, episode_file(index))
    except InputError:
        return None
    if encode(episode) != content:
        return None
    return _entry(index, content, episode.scene.seed, episode.steps)


def _entry(index: int, content: bytes, seed: int, steps: int) -> Entry:
    sha256 = hashlib.sha256(content).hexdigest()
    return Entry(index, episode_file(index), seed, steps, len(content), sha256)


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder for the recordings")
    if not folder.is_dir() or (folder / META_FILE).is_file():
        return
    ours = {LOCK_FILE, EPISODES_FOLDER}
    found = [p.name for p in folder.iterdir() if p.name not in ours and not is_temporary(p.name)]
    inside = folder / EPISODES_FOLDER
    if inside.is_dir():
        found += [f"{inside.name}/{p.name}" for p in inside.iterdir() if not is_temporary(p.name)]
    if found:
        raise InputError(
            f"{folder} holds {sorted(found)[0]} but no {META_FILE}: it is not a worldsim dataset; "
            "choose an empty or new folder"
        )


def _prepare(folder: Path, meta: dict[str, Any], pool: ProcessPoolExecutor) -> list[Entry]:
    """Write dataset.json or compare it with `meta`; the episodes that are listed already."""
    if not (folder / META_FILE).is_file():
        described = processes.submit(pool, _describe)
        facts = processes.result(described, f"episode 0 (seed {meta['seed']})")
        sealed = seal_meta({**facts, "versions": _versions(), **meta})
        write_whole(folder / META_FILE, encode_meta(sealed).encode())
        return []
    stored = read_meta(folder)
    if "size_px" not in stored and "camera" in stored:  # the first recordings had it there only
        stored["size_px"] = stored["camera"]["width_px"]
    for package in ("numpy", "pybullet"):  # another version may give other bytes
        before, now = stored.get("versions", {}).get(package), _versions().get(package)
        if before is not None and before != now:
            raise InputError(
                f"{folder} was recorded with {package} {before}, not {now}; choose another folder"
            )
    for key, wanted in seal_meta(meta).items():
        if key not in ("versions", "sha256") and stored.get(key) != wanted:
            raise InputError(
                f"{folder} was recorded with {key} {stored.get(key)!r}, not {wanted!r}; "
                "choose another folder or the same settings"
            )
    return read_index(folder) if (folder / INDEX_FILE).is_file() else []


def _describe(make_episode: Maker) -> dict[str, Any]:
    scene = make_episode(0).scene.to_dict()
    names = ("camera", "action_spec", "physics_rate_hz", "frame_rate_hz")
    return {"renderer": "tiny", **{name: scene[name] for name in names}}


def _versions() -> dict[str, str]:
    found = {"python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _recorded(folder: Path) -> list[int]:
    """Indices that have a file."""
    stems = [path.stem for path in (folder / EPISODES_FOLDER).glob("*.npz")]
    return [int(stem) for stem in stems if stem.isdecimal()]


def _remove_drafts(folder: Path) -> None:
    for place in (folder, folder / EPISODES_FOLDER):
        for path in place.iterdir():
            if is_temporary(path.name):
                path.unlink(missing_ok=True)
