"""Give a trained model a gate, learnt on its own dreams; how it draws stays as it is.

`python -m worldsim.training.gating --model all-128 --data data/*-128 --out runs/gated`
"""

from __future__ import annotations

import json
import shutil
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from torch import Tensor
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.data.atomic import locked, write_whole
from worldsim.data.clips import ClipDataset
from worldsim.data.dataset import Dataset
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.gate import OPEN_FROM
from worldsim.models.load import load
from worldsim.models.stepper import Stepper
from worldsim.training.begin import check_clips, copied
from worldsim.training.feed import recorded_clip
from worldsim.training.objective import Clip
from worldsim.training.run import RUN, trained_on
from worldsim.training.state import STATE, load_state, save_model, save_state

START_FRAMES = 4
STEPS = 12
"""Of a dream: on, bodies are no longer where the truth says that something changes."""
DREAMS, HELD_OUT = 6, 16
KEPT_STEPS = 200
UPDATES = 10
RATE, WARM_UP, DECAY_SHARE = 2e-3, 50, 0.4
SAVE_EVERY_S = 60.0
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

    def _kept(self, drawn: Tensor, tokens: Tensor | None, last: Tensor) -> Tensor:
        assert tokens is not None
        self.seen = last, drawn, tokens
        return super()._kept(drawn, tokens, last)


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
        """Dreams of one scenario through the gate as it is, a step each."""
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
    not learnt from: at the end it tells of them how many cells that change are drawn, and how many
    that do not are kept. Stopped, the same line goes on.

    Args:
        data: recordings of what the model knows, one or more.
        model: name or folder of the checkpoint; a gate that it has is learnt anew.
        out: folder of the new checkpoint.
        minutes: of learning.
        channels: of the gate's convolutions.
        seed: of weights, clips and noise.
    """
    if minutes <= 0 or channels < 1 or seed < 0:
        raise InputError("minutes and channels must be above 0, the seed 0 or more")
    checkpoint = checkpoints.find(model)
    if out.resolve() == checkpoint.resolve():
        raise InputError(f"{out} is the checkpoint itself; choose another --out")
    whole = load(checkpoint)
    sets = [_clips(checkpoint, whole, path, seed) for path in data]
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pupil = Pupil(copied(whole, channels).to(device).eval())
    of = {
        "checkpoint": checkpoints.digest(checkpoint),
        "data": [dataset.digest for clips in sets for dataset in clips.datasets],
        "minutes": minutes,
        "channels": channels,
        "seed": seed,
    }
    with locked(out, "learning a gate in"):
        if (out / STATE).is_file():
            state = load_state(out, _KEYS)
            if state["of"] != of:
                raise InputError(f"{out} has a gate of {state['of']}; choose another --out")
            pupil.restore(state)
        _learn(pupil, sets, of, out)
        told = _told(pupil, sets)
        print("\n".join(f"{name}: {value:.1%}" for name, value in told.items()))
        _write(pupil.model, checkpoint, out, of | told | {"rounds": pupil.rounds})
    print(out)


def _clips(checkpoint: Path, model: WorldModel, path: Path, seed: int) -> ClipDataset:
    clips = ClipDataset(path, START_FRAMES + STEPS, None, seed, HELD_OUT)
    check_clips(checkpoint, model, clips)
    return clips


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
                save_state(out, pupil.state(of))
                saved_s = pupil.elapsed_s


def _clip(pupil: Pupil, clips: ClipDataset, positions: range) -> Clip:
    domains = [pupil.model.domain(scenario) for scenario in clips.scenarios]
    return recorded_clip(clips.batch(positions), domains).to(pupil.model.device)


def _told(pupil: Pupil, sets: list[ClipDataset]) -> dict[str, float]:
    """Of dreams of episodes that were not learnt from: cells rightly drawn and rightly kept."""
    counts = np.zeros(4)
    for clips in tqdm(sets, "held out", unit="recording", disable=None):
        path = clips.datasets[0].path
        rest = len(Dataset(path)) - HELD_OUT
        last = ClipDataset(path, START_FRAMES + STEPS, None, 1, 0, False)
        own = [p for p in range(len(last)) if last.place(p)[1] >= rest][:DREAMS]
        clip = recorded_clip(last.batch(own), [pupil.model.domain(n) for n in last.scenarios])
        for one in pupil.dream(clip.to(pupil.model.device), 0):
            with torch.inference_mode():
                opened = pupil.gate(*one[:3]).sigmoid() > OPEN_FROM
            changes = one.changed > 0
            pairs = ((opened, changes), (changes, changes), (~opened, ~changes), (~changes,) * 2)
            counts += [float((a & b).sum()) for a, b in pairs]
    return {
        "changing cells drawn": counts[0] / max(1.0, counts[1]),
        "resting cells kept": counts[2] / max(1.0, counts[3]),
    }


def _write(model: WorldModel, checkpoint: Path, out: Path, gate: dict[str, Any]) -> None:
    """A checkpoint like the old one, whose run.json tells of both trainings."""
    path = checkpoint / RUN
    told = json.loads(path.read_text()) if path.is_file() else {"data": []}
    told["begin_data"] = sorted(trained_on(checkpoint) | set(gate["data"]))
    told["gate"] = gate
    write_whole(out / RUN, f"{json.dumps(told, indent=1)}\n".encode())
    if not (out / "starts").is_dir():
        shutil.copytree(checkpoint / "starts", out / "starts")
    save_model(out, model)


if __name__ == "__main__":
    tyro.cli(main)
