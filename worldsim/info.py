"""What a dataset, an episode file, a checkpoint or a training run is: `worldsim info`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from worldsim import checkpoints
from worldsim.actions import ActionSpec
from worldsim.data.dataset import EPISODES_FOLDER, INDEX_FILE, META_FILE, Dataset, read_meta
from worldsim.data.statistics import stored
from worldsim.data.store import EpisodeFile, load_episode
from worldsim.errors import InputError
from worldsim.sim.scene import Scene
from worldsim.training.log import METRICS, read
from worldsim.training.run import RUN, read_run

STATE = "state.safetensors"
UNITS = {"hz": "Hz", "m": "m", "px": "px", "s": "s", "min": "min"}
_OF_A_SCENARIO = {
    "name": "scenarios",
    "frame_rate_hz": "frame_rate_hz",
    "depth_m": "depth_range_m",
    "action_mean": "action_mean",
    "action_std": "action_std",
}
_SHOWN = {"kind", "schema", "sha256", "camera", "scenario", "split", "seed", "steps", "size_px"}
_SHOWN |= {"frame_rate_hz", "physics_rate_hz", "action_spec", "renderer", "look", "versions"}
_OF_A_RUN = (
    *("weights", "steps", "minutes", "workers", "loaders", "seed", "precision", "compile"),
    *("begin", "begin_path", "rate", "command", "data_paths", "git", "versions", "torch"),
)
_BUFFERS = {"mean_image"}

Facts = dict[str, Any]


def run(name: str, as_json: bool) -> Facts:
    """Print what `name`, a path or the name of a shipped checkpoint, is; returns the facts.

    Raises InputError where it is none of what worldsim writes, or nothing can be read of it.
    """
    facts = facts_of(name)
    print(json.dumps(facts, indent=1) if as_json else text(facts))
    return facts


def facts_of(name: str) -> Facts:
    """The facts as plain values; "is" says of what, "problem" what is wrong with it."""
    path = Path(name)
    if name in checkpoints.names() or (path / checkpoints.CONFIG).is_file():
        return checkpoint_facts(checkpoints.find(name))
    if (path / META_FILE).is_file():
        return dataset_facts(path)
    if (path / RUN).is_file():
        missing = f"no checkpoint yet ({checkpoints.CONFIG} is missing)"
        return {"is": "training run", "path": str(path), "problem": missing, **_run_facts(path)}
    if path.is_file():
        return episode_facts(path)
    looked = f"{META_FILE} of a dataset, {checkpoints.CONFIG} of a checkpoint, {RUN} of a run"
    if path.is_dir():
        raise InputError(f"{path} holds nothing that worldsim writes: it has none of {looked}")
    near = get_close_matches(name.lower(), checkpoints.names(), 3)
    hint = f"did you mean {' or '.join(near)}?" if near else ", ".join(checkpoints.names())
    raise InputError(
        f"there is no {name}, neither a folder or file nor a shipped checkpoint ({hint})"
    )


def dataset_facts(folder: Path) -> Facts:
    """Of a dataset, unfinished or damaged ones included as long as its dataset.json is whole."""
    problem = None
    try:
        meta = read_meta(folder)
    except InputError as error:
        problem, found = str(error), _any_meta(folder / META_FILE)
        if found is None:
            raise
        meta = found
    facts: Facts = {"is": "dataset", "path": str(folder), "schema": meta.get("schema")}
    facts |= {key: meta[key] for key in ("scenario", "split", "seed") if key in meta}
    camera = meta.get("camera") or {}
    facts["size_px"] = [camera.get("width_px"), camera.get("height_px")]
    facts |= {key: meta[key] for key in ("frame_rate_hz", "physics_rate_hz") if key in meta}
    facts |= {key: meta[key] for key in ("renderer", "look") if key in meta}
    facts |= {key: value for key, value in meta.items() if key not in _SHOWN}
    if "action_spec" in meta:
        facts["actions"] = _action_facts(ActionSpec.from_dict(meta["action_spec"]))
    facts["versions"] = meta.get("versions")
    if problem is None:
        try:
            facts |= _content_facts(Dataset(folder), facts)
        except InputError as error:
            problem = str(error)
    if not (folder / INDEX_FILE).is_file():
        files = [p for p in (folder / EPISODES_FOLDER).glob("*") if not p.name.startswith(".")]
        facts["episodes_so_far"] = len(files)
        again = meta.get("command", "worldsim simulate")
        problem = problem or f"unfinished; run the same {again} again to finish it"
    return {**facts, "problem": problem}


def _content_facts(dataset: Dataset, facts: Facts) -> Facts:
    steps = [entry.steps for entry in dataset.entries]
    size_bytes = sum(entry.bytes for entry in dataset.entries)
    found: Facts = {"episodes": len(dataset), "frames": dataset.frames}
    if steps:
        mean = sum(steps) / len(steps)
        found["steps_an_episode"] = {"least": min(steps), "mean": mean, "most": max(steps)}
        found["bytes"], found["bytes_a_frame"] = size_bytes, round(size_bytes / dataset.frames)
    found["digest"] = dataset.digest
    statistics = stored(dataset)
    if statistics is None:
        found["statistics"] = "depth not computed yet; training does"
    else:
        found["depth_m"] = [statistics.nearest_m, statistics.farthest_m]
    if steps:
        scene, actions = _actions(dataset)
        for k, channel in enumerate(facts.get("actions", [])):
            channel["mean"] = float(actions[:, k].mean())
            channel["std"] = float(actions[:, k].std())
        found["episode_0"] = scene.describe()
    return found


def _actions(dataset: Dataset) -> tuple[Scene, NDArray[np.float64]]:
    """The first scene, and the actions of all episodes, for which no image is read or drawn."""
    files: list[EpisodeFile] = []
    rows = []
    for entry in dataset.entries:
        try:
            file = EpisodeFile(dataset.path / entry.file)
            rows.append(file.part(0, file.steps + 1, ("actions",))["actions"].astype(np.float64))
        except InputError as error:
            raise InputError(f"episode {entry.index}: {error}") from error
        files += [] if files else [file]
    return files[0].scene, np.concatenate(rows)


def _any_meta(path: Path) -> Facts | None:
    """dataset.json of another schema."""
    try:
        meta = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    foreign = not isinstance(meta, dict) or meta.get("kind") != "worldsim dataset"
    return None if foreign else meta


def _action_facts(spec: ActionSpec) -> list[Facts]:
    """Agents send -1..1: `least` and `most` in the channel's unit."""
    return [
        {"name": c.name, "unit": c.unit, "least": -c.scale, "most": c.scale} for c in spec.channels
    ]


def episode_facts(path: Path) -> Facts:
    """Of an episode's file. Raises InputError where it is none or damaged."""
    file = EpisodeFile(path)
    scene, parts = file.scene, {name.partition(".")[0] for name in file.kept}
    held = ("segmentation", "states", "contacts")
    names = [name for name in ("depth_m", "rewards", "terminated") if name in file.kept]
    read = file.part(0, file.steps + 1, names)
    depth_m = read.get("depth_m")
    return {
        "is": "episode",
        "path": str(path),
        "scenario": scene.scenario,
        "split": scene.split,
        "seed": scene.seed,
        "source": file.source,
        "steps": file.steps,
        "frames": file.steps + 1,
        "size_px": [scene.camera.width_px, scene.camera.height_px],
        "frame_rate_hz": scene.frame_rate_hz,
        "physics_rate_hz": scene.physics_rate_hz,
        "renderer": scene.look.renderer,
        "bodies": [body.name for body in scene.bodies],
        "actions": _action_facts(scene.action_spec),
        "depth_m": None if depth_m is None else [float(depth_m.min()), float(depth_m.max())],
        "reward_sum": float(read["rewards"].sum()),
        "ended": "terminated" if read["terminated"][-1] else "cut off by its length",
        "holds": [name for name in held if name in parts],
        "bytes": path.stat().st_size,
        "scene": scene.describe(),
    }


def checkpoint_facts(folder: Path) -> Facts:
    """Of a checkpoint, with its training run's where run.json lies beside it."""
    path = folder / checkpoints.CONFIG
    try:
        config = json.loads(path.read_text())
        facts: Facts = {
            "is": "checkpoint",
            "path": str(folder),
            "parameters": _parameters(folder / checkpoints.WEIGHTS),
            "bytes": (folder / checkpoints.WEIGHTS).stat().st_size,
            "size_px": [config["width_px"], config["height_px"]],
            "scenarios": [
                {name: config[key][k] for name, key in _OF_A_SCENARIO.items()}
                | {"passes": config["passes"][k] if config.get("passes") else 1}
                for k in range(len(config["scenarios"]))
            ],
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged or no worldsim model ({error!r})") from error
    names = ("width", "layers", "heads", "patch_px", "time_every", "registers", "window", "refine")
    facts["architecture"] = {name: config.get(name) for name in names}
    facts["architecture"]["gate"] = config.get("gate", 0)
    starts = checkpoints.starts(folder)
    facts["start_episodes"] = len(starts)
    if starts:
        scene = load_episode(starts[0]).scene
        if len(config["scenarios"]) == 1:
            facts["actions"] = _action_facts(scene.action_spec)
        facts["renderer"] = scene.look.renderer
    return {**facts, **(_run_facts(folder) if (folder / RUN).is_file() else {})}


def _parameters(weights: Path) -> int:
    try:
        with safe_open(weights, "numpy") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}
    except SafetensorError as error:
        raise InputError(f"{weights} is damaged ({error}); train or fetch it again") from error
    return sum(math.prod(shape) for key, shape in shapes.items() if key not in _BUFFERS)


def _run_facts(folder: Path) -> Facts:
    """What run.json and metrics.jsonl say of a training run."""
    told = read_run(folder)
    data = told["data"] if isinstance(told["data"], list) else [told["data"]]
    facts = {"recipe": told["recipe"]["name"], "trained_on": data}
    facts |= {f"run_{name}": told[name] for name in _OF_A_RUN if told.get(name) is not None}
    try:
        entries = read(folder) if (folder / METRICS).is_file() else []
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / METRICS} is damaged ({error})") from error
    last: Facts = {}
    for entry in entries:
        last |= entry
    return {**facts, "last_metrics": last, "resumable": (folder / STATE).is_file()}


def text(facts: Facts) -> str:
    """The facts for people: one a line, aligned, with units; what is not known is left out."""
    rows = list(_rows({key: value for key, value in facts.items() if key not in ("is", "path")}))
    width = max(len(label) for label, _ in rows)
    lines = [f"{label:{width}}  {value}".rstrip() for label, value in rows]
    return "\n".join([f"{facts['path']}: {facts['is']}", *(f"  {line}" for line in lines)])


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if value is None or value == {} or value == []:
            continue
        name, _, suffix = key.rpartition("_")
        label = (name if name and suffix in UNITS else key).replace("_", " ")
        unit = f" {UNITS[suffix]}" if name and suffix in UNITS else ""
        if isinstance(value, list) and isinstance(value[0], dict):
            for channel in value:
                yield label, _channel(channel) if "most" in channel else _said(channel)
                label = ""
        elif key.endswith("seed"):
            yield label, str(value)
        else:
            yield label, _said(value, " x " if suffix == "px" else " to " if unit else ", ") + unit


def _channel(facts: Facts) -> str:
    """An action's channel: bounds in its unit, moments as agents send it."""
    said = f"{facts['name']}: {facts['least']:g} to {facts['most']:g} {facts['unit']}"
    if "mean" in facts:
        said += f", sent in -1..1 with mean {facts['mean']:.3f} and std {facts['std']:.3f}"
    return said


def _said(value: Any, between: str = ", ") -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return between.join(_said(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(item)}" for key, item in value.items())
    return str(value)
