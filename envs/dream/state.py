"""A moment of a dream to come back to, in this process or as bytes in another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from worldsim.envs.alarms import Alarms
from worldsim.envs.belief import Belief
from worldsim.envs.states import check_generator
from worldsim.errors import InputError
from worldsim.eval.reading.memory import Memory
from worldsim.eval.reading.reading import Reading
from worldsim.models.cache import TimeCache
from worldsim.models.stepper import Snapshot
from worldsim.sim.scene import Scene

from .dreams import Dream, rig_of

_IMAGES = ("frame", "depth_m")
_BELIEFS = ("position_m", "velocity_m_s", "error_m", "found", "moving")
_READ = tuple(field.name for field in fields(Reading))
_REMEMBERED = tuple(field.name for field in fields(Memory))


@dataclass(frozen=True)
class DreamState:
    """A moment of a WorldModelEnv or of a row of a WorldModelVectorEnv: see their `get_state`."""

    source: str
    dream: Dream
    memory: Snapshot
    generator: dict[str, Any]

    @property
    def scene(self) -> Scene:
        return self.dream.scene

    @property
    def frame(self) -> NDArray[np.uint8]:
        return self.dream.frame

    def to_bytes(self) -> bytes:
        """For `from_bytes`, in any process: safetensors and JSON, no code."""
        dream, cache = self.dream, self.memory.cache
        arrays = {name: getattr(dream, name) for name in _IMAGES}
        arrays |= {f"belief.{name}": getattr(dream.belief, name) for name in _BELIEFS}
        arrays |= _named("reading", dream.reading, _READ)
        arrays |= _named("seen", dream.belief.memory, _REMEMBERED)
        if dream.alarms is not None:
            arrays |= _named("alarms", dream.alarms.seen, _READ) | {"acted": dream.alarms.acted}
        if dream.rig is not None:
            arrays |= {"camera": dream.rig.place}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
        tensors |= {"last": self.memory.last, "doubt": self.memory.doubt}
        tensors |= {"noise": dream.noise.get_state()}
        for name, stores in (("keys", cache.keys), ("values", cache.values)):
            kept = {f"{name}.{i}": store for i, store in enumerate(stores) if store is not None}
            tensors |= kept
        values = {
            "source": self.source,
            "scene": dream.scene.to_dict(),
            "steps": dream.steps,
            "frames": dream.belief.frames,
            "layers": len(cache.keys),
            "window": cache.window,
            "pinned": cache.pinned,
            "positions": cache.positions,
            "generator": self.generator,
            "alarms": None if dream.alarms is None else _told(dream.alarms),
        }
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        return save_tensors(kept, {"dream": json.dumps(values)})

    @classmethod
    def from_bytes(cls, data: bytes) -> DreamState:
        """What `to_bytes` wrote. Raises InputError where it is something else."""
        try:
            return _dream_state(bytes(data))
        except (SafetensorError, RuntimeError, ValueError, LookupError, TypeError) as error:
            raise InputError("these bytes are not a state of a dream") from error


def _named(name: str, values: object, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Its arrays, of those that it has."""
    found = {f"{name}.{each}": getattr(values, each, None) for each in names}
    return {each: array for each, array in found.items() if array is not None}


def _told(alarms: Alarms) -> dict[str, Any]:
    return {"limits": alarms.limits, "values": alarms.values, "doubt_m": alarms.doubt_m}


def _alarms(told: dict[str, Any], scene: Scene, tensors: dict[str, torch.Tensor]) -> Alarms:
    alarms = Alarms(scene, told["limits"])
    alarms.values, alarms.doubt_m = told["values"], told["doubt_m"]
    alarms.seen = Reading(**{name: tensors[f"alarms.{name}"].numpy() for name in _READ})
    alarms.acted = tensors["acted"].numpy()
    return alarms


def _dream_state(data: bytes) -> DreamState:
    tensors = load_tensors(data)
    length = int.from_bytes(data[:8], "little")
    values = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["dream"])
    scene = Scene.from_dict(values["scene"])
    believed = {name: tensors[f"belief.{name}"].numpy() for name in _BELIEFS}
    seen: Any = {name: tensors[f"seen.{name}"].numpy() for name in _REMEMBERED[:-1]}
    numbers = tensors.get(f"seen.{_REMEMBERED[-1]}")  # of a joint, where there is one
    memory = Memory(**seen, numbers=None if numbers is None else numbers.numpy())
    belief = Belief(**believed, dt_s=scene.dt_s, memory=memory, frames=int(values["frames"]))
    noise = torch.Generator()
    noise.set_state(tensors["noise"])
    frame, depth_m = (tensors[name].numpy() for name in _IMAGES)
    reading = Reading(**{name: tensors[f"reading.{name}"].numpy() for name in _READ})
    told = values["alarms"]
    alarms = None if told is None else _alarms(told, scene, tensors)
    dream = Dream(scene, belief, frame, depth_m, reading, int(values["steps"]), noise, alarms)
    dream.rig = rig_of(scene)
    if dream.rig is not None:
        dream.rig.go_to(tensors["camera"].numpy())
    shape = int(values["layers"]), int(values["window"]), len(values["positions"])
    cache = TimeCache(*shape, pinned=bool(values.get("pinned")))
    cache.positions = [int(position) for position in values["positions"]]
    cache.keys = [tensors.get(f"keys.{layer}") for layer in range(len(cache.keys))]
    cache.values = [tensors.get(f"values.{layer}") for layer in range(len(cache.values))]
    snapshot = Snapshot(tensors["last"], cache, tensors["doubt"])
    return DreamState(values["source"], dream, snapshot, check_generator(values["generator"]))


def check_state(state: object, source: str) -> None:
    """Raises InputError unless it is a DreamState that can go on in an environment of `source`."""
    if not isinstance(state, DreamState):
        raise InputError(f"set_state needs what get_state gave, got {type(state).__name__}")
    if state.source != source:
        raise InputError(f"a state of {state.source} cannot go on in {source}")
