"""The scenarios in words and tables, made from the code.

`python -m worldsim.catalogue docs/scenarios.md` makes the tables in that file anew.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS, Choice, Range, Scenario
from worldsim.sim.scenarios.table import Span

BEGIN = "<!-- made by `make docs` from here -->"
END = "<!-- to here -->"


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


def renewed(text: str) -> str:
    """A document with the page between BEGIN and END made anew; InputError without these marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise InputError(f"the document needs the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{page()}\n\n{END}{tail}"


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


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(renewed(document.read_text()))
