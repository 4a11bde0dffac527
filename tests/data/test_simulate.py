"""Recording: killed anywhere, with any number of workers, it ends with the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from synthetic import Maker

from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.errors import InputError

HERE = Path(__file__).parent
EPISODES = 12


def record(folder: Path, episodes: int = EPISODES, workers: int = 1, **maker: Any) -> Dataset:
    made = Maker(**maker)
    return simulate(made, made.meta, episodes, folder, workers, progress=False)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def start(folder: Path, wait_s: float, workers: int = 2) -> subprocess.Popen[str]:
    code = (
        "from pathlib import Path; from synthetic import Maker; "
        "from worldsim.data.simulate import simulate; "
        f"maker = Maker(wait_s={wait_s}); "
        f"simulate(maker, maker.meta, {EPISODES}, Path({str(folder)!r}), {workers})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(folder: Path, files: int) -> None:
    stop_s = time.monotonic() + 60
    while len(list(folder.glob("episodes/*.safetensors"))) < files:
        assert time.monotonic() < stop_s, "no episode was recorded"
        time.sleep(0.005)


def wait_until_gone(group: int) -> None:
    """Wait for every process of a session: workers must not outlive their parent."""
    stop_s = time.monotonic() + 10
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < stop_s, "workers outlive their parent"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "push"
    record(folder)
    return content(folder)


def test_any_number_of_workers_writes_the_same(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    record(tmp_path / "push", workers=3)
    assert content(tmp_path / "push") == undisturbed


def kill_and_go_on(folder: Path, kills: int, rng: random.Random) -> None:
    """Kill a recording `kills` times at random moments, looking at what is left each time."""
    finished: dict[Path, int] = {}
    for number in range(kills):
        process = start(folder, wait_s=0.03)
        if number % 2:  # half of them while episodes are being made
            wait_for(folder, min(len(finished) + rng.randrange(2), EPISODES - 2))
        time.sleep(rng.uniform(0.0, 0.3 if number % 2 else 2.0))
        if number % 4 == 1:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        wait_until_gone(process.pid)
        for path, changed_ns in finished.items():
            assert path.stat().st_mtime_ns == changed_ns, "a finished episode was made again"
        files = folder.glob("episodes/*.safetensors")
        finished = {path: path.stat().st_mtime_ns for path in files}
        if (folder / "dataset.json").exists():
            dataset = Dataset(folder)
            assert len(dataset) == len(finished) and len(list(dataset)) == len(finished)
            problems = [said for said in dataset.verify() if "left by a killed" not in said]
            assert problems == []
        else:
            assert not finished


def test_killed_anywhere_it_goes_on_to_the_same_files(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "push"
    kill_and_go_on(folder, 3, random.Random())
    folder.joinpath("episodes").mkdir(parents=True, exist_ok=True)
    (folder / "episodes/.000001.safetensors.77-77.tmp").write_bytes(b"half")
    (folder / ".dataset.json.77-77.tmp").write_bytes(b"half")
    assert record(folder, workers=2).verify() == []
    assert content(folder) == undisturbed


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_files(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "push"
    kill_and_go_on(folder, 20, random.Random())
    assert record(folder, workers=2).verify() == []
    assert content(folder) == undisturbed


def test_a_damaged_episode_is_made_again_on_the_way(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "push"
    record(folder)
    (folder / "episodes/000005.safetensors").unlink()
    changed = bytearray(undisturbed["episodes/000002.safetensors"])
    changed[12] ^= 1  # a time stamp: no member's CRC knows of it
    (folder / "episodes/000002.safetensors").write_bytes(changed)
    record(folder)
    assert content(folder) == undisturbed
    (folder / "episodes.jsonl").unlink()
    (folder / "episodes/000002.safetensors").write_bytes(changed)
    (folder / "episodes/000003.safetensors").write_bytes(b"half")
    record(folder)
    assert content(folder) == undisturbed


def test_finished_episodes_are_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "push"
    record(folder, 3)
    times = [path.stat().st_mtime_ns for path in sorted(folder.glob("episodes/*"))]
    facts = (folder / "dataset.json").stat().st_mtime_ns
    record(folder, 3)
    assert [path.stat().st_mtime_ns for path in sorted(folder.glob("episodes/*"))] == times
    assert (folder / "dataset.json").stat().st_mtime_ns == facts


def test_it_extends_and_never_shrinks(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "push"
    assert len(record(folder, 5)) == 5
    assert len(record(folder, EPISODES)) == EPISODES
    assert content(folder) == undisturbed
    assert len(record(folder, 2)) == EPISODES
    assert content(folder) == undisturbed


@pytest.mark.parametrize("key, value", [("seed", 1), ("steps", 9)])
def test_other_settings_are_refused(tmp_path: Path, key: str, value: int) -> None:
    folder = tmp_path / "push"
    record(folder, 1)
    before = content(folder)
    with pytest.raises(InputError, match=f"{key} .*, not {value};"):
        record(folder, 1, **{key: value})
    assert content(folder) == before


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "push"
    process = start(folder, wait_s=1.0)  # nine more to make: time enough on a busy machine
    wait_for(folder, 3)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert f"of {EPISODES} episodes" in said and "recording again goes on" in said
    assert said.count("Traceback") == 1, said  # the script's own: no worker was hit
    assert "episode/s" in said and "frames/s" in said
    wait_until_gone(process.pid)
    assert not list(folder.rglob("*.tmp"))
    record(folder)
    assert content(folder) == undisturbed


def test_a_second_process_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "push"
    process = start(folder, wait_s=0.2)
    try:
        wait_for(folder, 1)
        with pytest.raises(InputError, match="another process is recording"):
            record(folder)
    finally:
        process.kill()
        process.communicate()


def test_a_failing_episode_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"episode 2 \(seed 5\).*KeyError: 'lost key'") as caught:
        record(tmp_path / "a", 4, workers=2, seed=5, fail_at=2)
    assert not isinstance(caught.value, InputError)
    assert "synthetic.py" in str(caught.value.__cause__)
    with pytest.raises(InputError, match=r"episode 0 \(seed 0\).*disk full"):
        record(tmp_path / "b", 4, fail_at=0, how="disk")
    assert len(record(tmp_path / "a", 4, seed=5)) == 4


def test_foreign_places_are_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    before = content(tmp_path)
    with pytest.raises(InputError, match="notes.txt"):
        record(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        record(tmp_path / "notes.txt")
    with pytest.raises(InputError, match="at least 1"):
        record(tmp_path / "x", 0)
    with pytest.raises(InputError, match="at least 1"):
        record(tmp_path / "x", 1, workers=0)
    with pytest.raises(InputError, match="cannot write"):
        record(tmp_path / "notes.txt" / "below")
    assert content(tmp_path) == before
