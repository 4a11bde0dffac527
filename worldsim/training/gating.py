"""Give a trained model a gate, learnt on its own dreams; how it draws stays as it is.

`python -m worldsim.training.gating --model all-128 --data data/*-gate --out runs/gated`
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.data.atomic import locked, write_whole
from worldsim.data.clips import ClipDataset, RecordedClip
from worldsim.data.dataset import Window
from worldsim.ends import tool
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.domain import Domain
from worldsim.models.load import load
from worldsim.models.stepper import Stepper
from worldsim.training.begin import check_clips, copied
from worldsim.training.feed import recorded_clip
from worldsim.training.objective import Clip
from worldsim.training.run import GATE, RUN, made_by, trained_on
from worldsim.training.state import load_state, save_model, save_state

START_FRAMES = 4
STEPS = 12
"""Of a dream; after more, bodies are no longer where the truth says that something changes."""
DREAMS, HELD_OUT = 6, 16
KEPT_STEPS = 200
"""Of all dreams at a time: 0.8 GB at 128 px."""
UPDATES = 10
RATE, WARM_UP, DECAY_SHARE = 2e-3, 50, 0.4
SAVE_EVERY_S = 60.0
STATE = "gate-state.safetensors"
_KEYS = {"of", "gate", "optimiser", "rounds", "elapsed_s"}


class Example(NamedTuple):
    """What a gate sees of a step of some dreams, and where the truth changes."""

    previous: Tensor  # (b, 4, H, W)
    drawn: Tensor  # (b, 4, H, W)
    tokens: Tensor  # (b, tokens, width)
    changed: Tensor  # (b, 1, Y, X)


class _Watched(Stepper):
    """A stepper that notes what the gate sees."""

    seen: tuple[Tensor, Tensor, Tensor]

    def _kept(self, last: Tensor, drawn: Tensor, tokens: Tensor | None) -> Tensor:
        assert tokens is not None
        self.seen = last, drawn, tokens
        return super()._kept(last, drawn, tokens)


class Pupil:
    """A model whose gate learns; its other weights do not."""

    def __init__(self, model: WorldModel) -> None:
        self.model = model
        model.requires_grad_(False)
        assert model.gating is not None
        self.gate = model.gating.requires_grad_(True)
        self.optimiser = torch.optim.AdamW(self.gate.parameters(), RATE, weight_decay=0.01)
        self.kept: deque[Example] = deque(maxlen=KEPT_STEPS)
        self.rounds, self.elapsed_s = 0, 0.0

    def dream(self, clip: Clip, seed: int) -> list[Example]:
        """Dreams of one scenario through the gate as it is, step by step."""
        first = int(clip.scenario[0])
        domain = self.model.domain(list(self.model.config.scenarios)[first])
        stepper = _Watched(self.model, domain.passes, first)
        stepper.start(clip.frames[:, :START_FRAMES], clip.actions[:, : START_FRAMES - 1])
        rng = torch.Generator(self.model.device).manual_seed(seed)
        found = []
        for t in range(START_FRAMES, clip.frames.shape[1]):
            stepper.step(clip.actions[:, t - 1], rng)
            changed = self.gate.changed(clip.frames[:, t - 1], clip.frames[:, t])
            # Tensors of inference mode cannot be learnt from; their copies can.
            found.append(Example(*(part.clone() for part in (*stepper.seen, changed))))
        return found

    def learn(self, clip: Clip, rng: np.random.Generator, progress: float) -> float:
        """From new dreams and some of those before; the mean loss."""
        self.kept += self.dream(clip, int(rng.integers(2**62)))
        losses = []
        for update in range(UPDATES):
            warm = min(1.0, (UPDATES * self.rounds + update + 1) / WARM_UP)
            for group in self.optimiser.param_groups:
                group["lr"] = RATE * min(warm, (1.0 - progress) / DECAY_SHARE + 0.01)
            steps = rng.integers(len(self.kept), size=DREAMS)
            rows = rng.integers(DREAMS, size=DREAMS)
            picked = [
                torch.stack([self.kept[s][part][r] for s, r in zip(steps, rows, strict=True)])
                for part in range(4)
            ]
            loss = F.binary_cross_entropy_with_logits(self.gate(*picked[:3]), picked[3])
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            losses.append(loss.item())
        self.rounds += 1
        return float(np.mean(losses))

    def state(self, of: dict[str, Any]) -> dict[str, Any]:
        learnt = {"gate": self.gate.state_dict(), "optimiser": self.optimiser.state_dict()}
        return {"of": of, **learnt, "rounds": self.rounds, "elapsed_s": self.elapsed_s}

    def restore(self, state: dict[str, Any]) -> None:
        self.gate.load_state_dict(state["gate"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rounds, self.elapsed_s = state["rounds"], state["elapsed_s"]


def main(
    data: tuple[Path, ...],
    model: str = "all-128",
    out: Path = Path("runs/gated"),
    minutes: float = 30.0,
    channels: int = 64,
    seed: int = 0,
) -> None:
    """Learn which cells of a frame change, and write the model with that gate into `out`.

    The model dreams a dozen steps from clips of the recordings, and its gate learns where the truth
    changes. What is kept is neither blurred nor forgotten. The last 16 episodes of a recording are
    not learnt from: at the end it tells, of dreams of six of them, how many cells that change are
    drawn, and how many that do not are kept. Stopped, the same line goes on from the last minute.

    Args:
        data: recordings of what the model knows, one or more; best others than it learnt from.
        model: name or folder of the checkpoint; a gate that it has is learnt anew.
        out: folder of the new checkpoint.
        minutes: of learning.
        channels: of the gate's convolutions.
        seed: of weights, clips and noise.
    """
    if not (0.0 < minutes < math.inf and channels >= 1 and seed >= 0 and data):
        raise InputError("give data, minutes and channels above 0, and a seed of 0 or more")
    checkpoint = checkpoints.find(model)
    base = load(checkpoint)
    trained_on(checkpoint)  # damaged files are told now
    sets = [_clips(checkpoint, base, path, seed) for path in data]
    of = {
        "checkpoint": checkpoints.digest(checkpoint),
        "data": [clips.datasets[0].digest for clips in sets],
        "minutes": minutes,
        "channels": channels,
        "seed": seed,
    }
    with locked(out, "learning a gate in"):
        torch.manual_seed(seed)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        pupil = Pupil(copied(base, channels).to(device).eval())
        _go_on(pupil, out, of)
        _learn(pupil, sets, of, out)
        facts = of | {"rounds": pupil.rounds} | made_by(data, 0, None, checkpoint)
        _write(pupil.model, checkpoint, out, facts)
        saved = Pupil(load(out).to(device))
        told = [_told(saved, clips) for clips in sets]
        write_whole(out / GATE, f"{json.dumps(facts | {'held_out': told}, indent=1)}\n".encode())
    for row, clips in zip(told, sets, strict=True):
        drawn, kept = (row[name] for name in ("changing_drawn", "resting_kept"))
        print(f"{clips.datasets[0].path}: of changing cells {drawn:.1%} drawn, ", end="")
        print(f"of resting ones {kept:.1%} kept, in {row['dreams']} dreams held out")
    print(out)


def _clips(checkpoint: Path, model: WorldModel, path: Path, seed: int) -> ClipDataset:
    clips = ClipDataset(path, START_FRAMES + STEPS, None, seed, HELD_OUT)
    check_clips(checkpoint, model, clips)
    if not _held_out(clips):
        raise InputError(
            f"the last {HELD_OUT} episodes of {path} are too short to be measured; record longer "
            "ones with worldsim simulate --steps"
        )
    return clips


def _held_out(clips: ClipDataset) -> list[Window]:
    """The first windows of the last episodes, as many as are dreamt at a time."""
    dataset, frames = clips.datasets[0], clips.frames
    last = range(len(dataset) - clips.held_out, len(dataset))
    long = [k for k in last if dataset.entries[k].steps + 1 >= frames]
    return [dataset.window(k, 0, frames) for k in long[:DREAMS]]


def _go_on(pupil: Pupil, out: Path, of: dict[str, Any]) -> None:
    """Take up what `out` has. Raises InputError where it is no place for this gate."""
    if not (out / STATE).is_file():
        if any(not path.name.startswith(".") for path in out.iterdir()):
            raise InputError(f"{out} is not empty and no gate is learnt there; use another --out")
        return
    state = load_state(out, STATE, _KEYS)
    other = [name for name in of if state["of"].get(name) != of[name]]
    if other:
        raise InputError(f"{out} has a gate of other {' and '.join(other)}; use another --out")
    try:
        pupil.restore(state)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{out / STATE} is damaged; learn again in another --out") from error


def _learn(pupil: Pupil, sets: list[ClipDataset], of: dict[str, Any], out: Path) -> None:
    budget_s, saved_s = 60.0 * of["minutes"], pupil.elapsed_s
    with tqdm(total=round(budget_s), desc="learning a gate", unit="s", disable=None) as bar:
        while pupil.elapsed_s < budget_s:
            begin = time.perf_counter()
            turn, source = divmod(pupil.rounds, len(sets))
            clip = _clip(pupil, sets[source], range(turn * DREAMS, (turn + 1) * DREAMS))
            rng = np.random.default_rng([of["seed"], pupil.rounds])
            loss = pupil.learn(clip, rng, pupil.elapsed_s / budget_s)
            pupil.elapsed_s += time.perf_counter() - begin
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update(min(round(pupil.elapsed_s), bar.total) - bar.n)
            if pupil.elapsed_s - saved_s > SAVE_EVERY_S or pupil.elapsed_s >= budget_s:
                save_state(out, pupil.state(of), STATE)
                saved_s = pupil.elapsed_s


def _clip(pupil: Pupil, clips: ClipDataset, positions: range) -> Clip:
    return recorded_clip(clips.batch(positions), _domains(pupil, clips)).to(pupil.model.device)


def _domains(pupil: Pupil, clips: ClipDataset) -> list[Domain]:
    return [pupil.model.domain(scenario) for scenario in clips.scenarios]


def _told(pupil: Pupil, clips: ClipDataset) -> dict[str, Any]:
    """Of dreams of episodes that were not learnt from: cells rightly drawn and rightly kept."""
    windows = _held_out(clips)
    scenario = np.array(0)
    recorded = [RecordedClip(*window, scenario) for window in windows]
    batch = RecordedClip(*map(np.stack, zip(*recorded, strict=True)))
    clip = recorded_clip(batch, _domains(pupil, clips)).to(pupil.model.device)
    counts = np.zeros(4)
    for one in pupil.dream(clip, 0):
        changes = one.changed > 0
        with torch.inference_mode():
            kept = pupil.gate.kept(pupil.gate(*one[:3]))
        kept = F.max_pool2d(kept.float(), pupil.gate.cell_px) > 0
        pairs = ((~kept, changes), (changes, changes), (kept, ~changes), (~changes, ~changes))
        counts += [float((a & b).sum()) for a, b in pairs]
    drawn, rested = (counts[::2] + (counts[1::2] == 0)) / np.maximum(counts[1::2], 1)  # 1 of none
    shares = {"changing_drawn": float(drawn), "resting_kept": float(rested)}
    return {"scenario": clips.scenarios[0], "dreams": len(windows), **shares}


def _write(model: WorldModel, checkpoint: Path, out: Path, facts: dict[str, Any]) -> None:
    """A checkpoint like the old one, in half precision, whose gate.json tells of the gate."""
    if (checkpoint / RUN).is_file():
        write_whole(out / RUN, (checkpoint / RUN).read_bytes())
    write_whole(out / GATE, f"{json.dumps(facts, indent=1)}\n".encode())
    if (checkpoint / "starts").is_dir():
        draft, starts = out / ".starts", out / "starts"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(checkpoint / "starts", draft)
        shutil.rmtree(starts, ignore_errors=True)
        os.replace(draft, starts)
    save_model(out, model.half())


if __name__ == "__main__":
    raise SystemExit(tool(main, "run the same command again to go on from the last minute"))
