"""The scenarios in tables: what docs/scenarios.md says is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from worldsim import catalogue, cli
from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS, Choice

ROOT = Path(__file__).resolve().parents[1]
ALL = pytest.mark.parametrize("name", SCENARIOS)


def test_the_page_is_up_to_date() -> None:
    text = (ROOT / "docs" / "scenarios.md").read_text()
    assert catalogue.renewed(text) == text, "run make docs"


def test_a_page_made_anew_twice_is_the_same_and_the_rest_is_kept() -> None:
    text = f"mine\n{catalogue.BEGIN}\nold\n{catalogue.END}\nyours\n"
    new = catalogue.renewed(text)
    assert new.startswith("mine\n") and new.endswith("\nyours\n") and "\nold\n" not in new
    assert catalogue.renewed(new) == new


@pytest.mark.parametrize("text", ["", catalogue.BEGIN, catalogue.END])
def test_a_page_without_the_marks_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the document needs"):
        catalogue.renewed(text)


@ALL
def test_every_factor_and_channel_of_a_scenario_is_shown(name: str) -> None:
    scenario = SCENARIOS[name]
    said = catalogue.details(scenario)
    for factor_name, factor in scenario.table.items():
        (row,) = [line for line in said.splitlines() if line.startswith(f"| `{factor_name}` ")]
        spans = [factor.seen, factor.ood] if isinstance(factor, Choice) else factor.unseen
        for value in (value for span in spans for value in span):
            assert (value if isinstance(value, str) else f"{value:g}") in row
    for channel in scenario.make_scene(0).action_spec.channels:
        assert f"| {channel.name} | {channel.unit} | {channel.scale:g} |" in said
    for high, low in scenario.reserved:
        assert f"`{high}` with `{low}`" in said
    assert scenario.env_id in said and scenario.make_scene(0).describe() in said


@ALL
def test_what_happens_is_one_sentence(name: str) -> None:
    said = catalogue.happens(SCENARIOS[name])
    assert said[0].isupper() and said.endswith(".") and "\n" not in said
    assert 20 < len(said) < 150 and not said.lower().startswith(f"{name}:")


def test_the_command_lists_all_and_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenarios"]) == 0
    said = capsys.readouterr().out
    assert all(f"| `{name}` |" in said for name in SCENARIOS)
    assert cli.main(["scenarios", "push"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("### push") and "| velocity_x | m/s | 0.35 |" in said
