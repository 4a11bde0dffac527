"""Loaders: the same batches from any number of processes, from any position on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest
import torch

from worldsim.agents.collect import Collector
from worldsim.data.clips import ClipDataset, RecordedClip
from worldsim.data.simulate import simulate
from worldsim.errors import InputError
from worldsim.training.loader import batches


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipDataset:
    folder = tmp_path_factory.mktemp("loader") / "push"
    facts = {"scenario": "push", "split": "id", "seed": 3, "steps": 12}
    simulate(Collector("push", "id", 3, 12), facts, 3, folder, progress=False)
    return ClipDataset(folder, 5, seed=1, progress=False)


def read(clips: ClipDataset, count: int, **options: int) -> list[RecordedClip]:
    return list(islice(batches(clips, 4, **options), count))


def same(one: RecordedClip, two: RecordedClip) -> bool:
    return all(
        torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(one, two, strict=True)
    )


def test_batches_do_not_hang_on_the_number_of_loaders(clips: ClipDataset) -> None:
    count = 2 + len(clips) // 4  # into the second epoch
    alone = read(clips, count)
    assert alone[0].frames.shape == (4, 5, 64, 64, 3) and alone[0].frames.dtype == torch.uint8
    assert same(alone[1], clips.batch(range(4, 8)))
    apart = read(clips, count, loaders=2)
    assert all(same(a, b) for a, b in zip(alone, apart, strict=True))


def test_reading_goes_on_at_a_position_and_skips_what_others_read(clips: ClipDataset) -> None:
    for n, batch in enumerate(read(clips, 3, first=6, stride=10)):
        assert same(batch, clips.batch(range(6 + 10 * n, 10 + 10 * n)))


def test_the_global_generator_is_left_alone(clips: ClipDataset) -> None:
    before = torch.get_rng_state()
    read(clips, 1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("loaders", [0, 1])
def test_a_damaged_episode_is_said_in_one_line(clips: ClipDataset, loaders: int) -> None:
    data = clips.datasets[0]
    file = data.path / data.entries[0].file
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    try:
        with pytest.raises(InputError) as caught:
            read(ClipDataset(data.path, 5, progress=False), 10, loaders=loaders)
    finally:
        file.write_bytes(whole)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)


def test_loaders_end_with_ctrl_c_quietly(clips: ClipDataset) -> None:
    code = (
        "from worldsim.data.clips import ClipDataset\n"
        "from worldsim.training.loader import batches\n"
        "if __name__ == '__main__':\n"
        f"    clips = ClipDataset({str(clips.datasets[0].path)!r}, 5)\n"
        "    try:\n"
        "        for n, _ in enumerate(batches(clips, 4, loaders=1)):\n"
        "            if n == 3: print('reading', flush=True)\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopped', flush=True)\n"
    )
    script = clips.datasets[0].path.parent / "script.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "reading\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    try:
        said, error = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # it goes on reading: leave nothing behind
        process.communicate()
        raise
    assert (said, error) == ("stopped\n", "")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("a loader has survived")
