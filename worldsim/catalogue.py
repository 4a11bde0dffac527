"""The scenarios and their environments in words, tables and pictures, made from the code.

`python -m worldsim.catalogue docs` makes the tables in docs/scenarios.md and docs/environments.md
anew, and the pictures in docs/environments.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS, Choice, Outcome, Range, Scenario
from worldsim.sim.scenarios.table import Span

BEGIN = "<!-- made by `make docs` from here -->"
END = "<!-- to here -->"
PICTURED_STEPS = 8


def overview(scenarios: Sequence[Scenario]) -> str:
    """One row a scenario, in markdown: what happens, and what an action is."""
    lines = ["| scenario | what happens | action |", "|---|---|---|"]
    for scenario in scenarios:
        channels = scenario.make_scene(0).action_spec.channels
        action = ", ".join(f"{c.name} ±{c.scale:g} {c.unit}" for c in channels)
        lines.append(f"| `{scenario.name}` | {happens(scenario)} | {action} |")
    return "\n".join(lines)


def details(scenario: Scenario) -> str:
    """A scenario in markdown: a sentence, its environments, actions, task, and splits."""
    scene = scenario.make_scene(0)
    actuator = _paragraphs(inspect.getdoc(type(scene.actuator)) or "")
    task = _paragraphs(inspect.getdoc(scenario.task) or "")
    parts = [
        f"### {scenario.name}",
        _module(scenario),
        f"`{scenario.env_id}` (model: `{scenario.model_id}`), {scene.frame_rate_hz} frames a "
        f"second. The scene of seed 0: *{scene.describe()}*",
        f"**Action.** {actuator}",
        _channels(scenario),
        f"**Task** (about `{scenario.subject}`). {task}",
        "**Splits.**",
        _splits(scenario),
    ]
    if scenario.reserved:
        pairs = ", ".join(f"`{high}` with `{low}`" for high, low in scenario.reserved)
        parts.append(
            f"Only `combo` has the upper half of the first with the lower half of the "
            f"second of: {pairs}."
        )
    return "\n\n".join(part.strip() for part in parts)


def happens(scenario: Scenario) -> str:
    """The first sentence of the scenario's module, without its name."""
    sentence = re.match(r".*?\.(?=\s|$)", _module(scenario), re.DOTALL)
    return sentence[0] if sentence else _module(scenario)


def page() -> str:
    """All scenarios: what stands in docs/scenarios.md between BEGIN and END."""
    scenarios = list(SCENARIOS.values())
    return "\n\n".join([overview(scenarios), *(details(scenario) for scenario in scenarios)])


def environments() -> str:
    """Every id: what stands in docs/environments.md between BEGIN and END."""
    rules = _paragraphs(inspect.getdoc(Outcome.of) or "")
    head = (
        f"{rules} Success and failure end an episode (`terminated`), unless `end_on_success=False`."
        " Pictures are what the twin's `render()` shows after reset with seed 0 and "
        f"{PICTURED_STEPS} steps of half a deflection: the simulator, the model, what differs."
    )
    return "\n\n".join([head, *(_ids(scenario) for scenario in SCENARIOS.values())])


def picture(scenario: Scenario) -> NDArray[np.uint8]:
    """The simulator, the model and their difference (H, 3 W + 8, 3), some steps after reset."""
    import gymnasium

    twin = gymnasium.make(scenario.twin_id, render_mode="rgb_array", end_on_success=False)
    twin.reset(seed=0)
    for _ in range(PICTURED_STEPS):
        twin.step(np.full(twin.action_space.shape or (), 0.5, np.float32))
    shown: Any = twin.render()
    twin.close()
    return np.asarray(shown, np.uint8)


def renewed(text: str, made: str) -> str:
    """A document with what is between BEGIN and END replaced; InputError without these marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise InputError(f"the document needs the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{made}\n\n{END}{tail}"


def _ids(scenario: Scenario) -> str:
    """A scenario's environments in markdown, as they are when they are made without arguments."""
    import gymnasium

    lines = [
        "| id | frames of | observation | action | steps a second | truncated after |",
        "|---|---|---|---|---|---|",
    ]
    for name in (scenario.env_id, scenario.model_id, scenario.twin_id):
        env: Any = gymnasium.make(name)
        spaces = f"{_space(env.observation_space)} | {_space(env.action_space)}"
        limit = f"{env.spec.max_episode_steps} steps"
        rate_hz, source = env.metadata["render_fps"], env.unwrapped.source
        if name == scenario.twin_id:
            source = f"{source} and {env.unwrapped.simulator.source}"
        lines.append(f"| `{name}` | {source} | {spaces} | {rate_hz} | {limit} |")
        size_px = env.unwrapped.observation_space.shape[0]
        env.close()
    task = _paragraphs(inspect.getdoc(scenario.task) or "")
    parts = [
        f"### {scenario.env_id.removeprefix('worldsim/').removesuffix('-v0')}",
        happens(scenario),
        f"![{scenario.name}: simulator, model, difference](environments/{scenario.name}.png)",
        "\n".join(lines),
        _bounds(scenario),
        f"**Reward and end.** {task}",
        f"**`observation=` of simulator and model.** {_observations(scenario, size_px)}",
    ]
    return "\n\n".join(parts)


def _bounds(scenario: Scenario) -> str:
    lines = ["| action | -1 | 1 |", "|---|---|---|"]
    for c in scenario.make_scene(0).action_spec.channels:
        lines.append(f"| {c.name} | {-c.scale:g} {c.unit} | {c.scale:g} {c.unit} |")
    return "\n".join(lines)


def _observations(scenario: Scenario, size_px: int) -> str:
    """What `observation=` takes here, and the space of each."""
    from worldsim.envs.observe import Kind, Observer

    kinds = [kind for kind in get_args(Kind) if kind != "goal" or scenario.goal]
    spaces = {kind: Observer(kind, scenario, size_px).space for kind in kinds}
    return "; ".join(f"`{kind}`: {_space(space)}" for kind, space in spaces.items())


def _space(space: Any) -> str:
    """A space in words: uint8 (64, 64, 3) in 0..255, or the parts of a Dict."""
    if hasattr(space, "spaces"):
        return ", ".join(f"`{name}` {_space(part)}" for name, part in space.spaces.items())
    low, high = space.low.min(), space.high.max()
    return f"{space.dtype} {space.shape} in {low:g}..{high:g}"


def _module(scenario: Scenario) -> str:
    """What its module says of it, without its name."""
    module = inspect.getmodule(scenario.build)
    said = re.sub(r"^\w+: ", "", _paragraphs(inspect.getdoc(module) or "") if module else "")
    return said[:1].upper() + said[1:]


def _channels(scenario: Scenario) -> str:
    lines = ["| channel | unit | full deflection |", "|---|---|---|"]
    for channel in scenario.make_scene(0).action_spec.channels:
        lines.append(f"| {channel.name} | {channel.unit} | {channel.scale:g} |")
    return "\n".join(lines)


def _splits(scenario: Scenario) -> str:
    lines = ["| factor | id, combo | ood |", "|---|---|---|"]
    for name, factor in scenario.table.items():
        lines.append(f"| `{name}` | {_seen(factor)} | {_unseen(factor)} |")
    return "\n".join(lines)


def _seen(factor: Range | Choice) -> str:
    return _values(factor.seen) if isinstance(factor, Choice) else _span(factor.seen)


def _unseen(factor: Range | Choice) -> str:
    if isinstance(factor, Choice):
        return _values(factor.ood)
    return " or ".join(_span(span) for span in factor.unseen)


def _values(values: tuple[float | str, ...]) -> str:
    return ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)


def _span(span: Span) -> str:
    low, high = span
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _paragraphs(text: str) -> str:
    """A docstring with every paragraph on one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _write(folder: Path) -> None:
    """Make all of it anew in the folder of the documents."""
    from worldsim.eval.page.video import write_image

    for name, made in (("scenarios.md", page()), ("environments.md", environments())):
        document = folder / name
        document.write_text(renewed(document.read_text(), made))
    for scenario in SCENARIOS.values():
        write_image(folder / "environments" / f"{scenario.name}.png", picture(scenario))


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
