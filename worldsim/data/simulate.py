"""Record episodes into a dataset's folder: resumable, and the same bytes for any worker count."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tqdm import tqdm

from worldsim.data import workers as processes
from worldsim.data.atomic import LOCK_FILE, is_temporary, locked, write_whole
from worldsim.data.dataset import (
    EPISODES_FOLDER,
    INDEX_FILE,
    META_FILE,
    SCHEMA,
    Dataset,
    Entry,
    encode_meta,
    entry_of,
    episode_file,
    make_entry,
    read_index,
    read_meta,
    recorded,
    seal_meta,
)
from worldsim.data.space import Space
from worldsim.data.store import digest, encode
from worldsim.data.workers import Maker
from worldsim.errors import InputError
from worldsim.provenance import versions

_PACKAGES = ("worldsim", "numpy", "pybullet", "numba", "zstandard")
_DECIDING = ("numpy", "pybullet", "zstandard")
"""Another version of these may give other bytes."""


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
    with "frames" False the images are left out, to be drawn on reading. Package versions are
    added.

    Killed at any moment and called again with the same arguments, it ends with the same files,
    byte for byte; called with more episodes it extends the dataset, and it never shrinks one.
    Finished episodes are checked before they are kept. Progress goes to stderr.

    Raises InputError when `out` is a foreign folder, was recorded with other settings or by an
    older version, is being recorded by another process or cannot be written; DiskFull, an
    InputError, when there is no room for what is left; RuntimeError naming the episode and the seed
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
            remove_drafts(folder)
            listed = _prepare(folder, meta)
            total = max(episodes, len(listed), max(recorded(folder), default=-1) + 1)
            images = bool(meta.get("frames", True))
            entries = _record(pool, folder, total, listed, meta["seed"], images, progress)
            remove_drafts(folder)
            write_index(folder, entries)
    except KeyboardInterrupt:
        done = len(recorded(folder))
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
    images: bool,
    progress: bool,
) -> list[Entry]:
    known: list[Entry | None] = [*listed, *[None] * (total - len(listed))]
    futures = {
        processes.submit(pool, keep_or_make, folder, index, known[index], images): index
        for index in range(total)
    }
    entries: dict[int, Entry] = {}
    space = Space(folder, total)
    frames, start_s = 0, time.monotonic()
    with tqdm(total=total, desc="episodes", unit="episode", disable=not progress) as bar:
        for future in as_completed(futures):
            index = futures[future]
            with space.explained():
                entry, made = processes.result(future, f"episode {index} (seed {seed})")
            entries[index] = entry
            frames += made
            space.add(entry.bytes, made > 0)
            if frames:
                rate_hz = frames / (time.monotonic() - start_s)
                bar.set_postfix_str(f"{rate_hz:.0f} frames/s", refresh=False)
            bar.update()
    return [entries[index] for index in range(total)]


def keep_or_make(
    make_episode: Maker, folder: Path, index: int, listed: Entry | None, images: bool
) -> tuple[Entry, int]:
    """The facts of episode `index`, kept or made, and how many frames were made for it."""
    path = folder / episode_file(index)
    if path.is_file():
        if listed is None:
            kept = entry_of(folder, index)
        else:
            kept = listed if digest(path) == listed.sha256 else None
        if kept is not None:
            return kept, 0
    return write_episode(folder, index, make_episode, images)


def write_episode(folder: Path, index: int, make_episode: Maker, images: bool) -> tuple[Entry, int]:
    """Make episode `index` and write its file: its facts, and how many frames it has."""
    episode = make_episode(index)
    content = encode(episode, images)
    write_whole(folder / episode_file(index), content)
    return make_entry(index, content, episode.scene.seed, episode.steps), len(episode.frames)


def write_index(folder: Path, entries: list[Entry]) -> None:
    """Write episodes.jsonl, which makes a recording a finished one."""
    text = "".join(f"{entry.to_json()}\n" for entry in entries)
    write_whole(folder / INDEX_FILE, text.encode())


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


def _prepare(folder: Path, meta: dict[str, Any]) -> list[Entry]:
    """Write dataset.json or compare it with `meta`; the episodes that are listed already."""
    if not (folder / META_FILE).is_file():
        sealed = seal_meta({"versions": versions(_PACKAGES), **meta})
        write_whole(folder / META_FILE, encode_meta(sealed).encode())
        return []
    stored = read_meta(folder)
    if stored["schema"] != SCHEMA:
        raise InputError(
            f"{folder} was recorded by an older version (schema {stored['schema']}): it can be "
            "read but not extended; choose another folder"
        )
    check_versions(folder, stored)
    for key, wanted in seal_meta(meta).items():
        if key not in ("versions", "sha256") and stored.get(key) != wanted:
            raise InputError(
                f"{folder} was recorded with {key} {stored.get(key)!r}, not {wanted!r}; "
                "choose another folder or the same settings"
            )
    return read_index(folder) if (folder / INDEX_FILE).is_file() else []


def check_versions(folder: Path, meta: dict[str, Any]) -> None:
    """Raises InputError where a package that decides on an episode's bytes is another one now."""
    found = versions(_PACKAGES)
    for package in _DECIDING:
        if package == "pybullet" and "source" in meta:
            continue  # drawn from states: nothing was simulated
        before, now = meta.get("versions", {}).get(package), found.get(package)
        if before is not None and before != now:
            raise InputError(
                f"{folder} was recorded with {package} {before}, not {now}; choose another folder"
            )


def remove_drafts(folder: Path) -> None:
    """Remove what killed processes have left behind."""
    for place in (folder, folder / EPISODES_FOLDER):
        for path in place.iterdir():
            if is_temporary(path.name):
                path.unlink(missing_ok=True)
