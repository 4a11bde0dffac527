"""The scenarios in tables: what docs/scenarios.md says is what the code says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from worldsim import catalogue, checkpoints, cli
from worldsim.envs import env_ids
from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS, Choice

ROOT = Path(__file__).resolve().parents[1]
ALL = pytest.mark.parametrize("name", SCENARIOS)
SHIPPED = pytest.mark.skipif(len(checkpoints.names()) < 2, reason="needs the shipped checkpoints")


@pytest.fixture(scope="module")
def environments() -> str:
    return catalogue.environments()


@SHIPPED
def test_the_pages_are_up_to_date(environments: str) -> None:
    for name, made in (("scenarios.md", catalogue.page()), ("environments.md", environments)):
        text = (ROOT / "docs" / name).read_text()
        assert catalogue.renewed(text, made) == text, "run make docs"


def test_a_page_made_anew_twice_is_the_same_and_the_rest_is_kept() -> None:
    text = f"mine\n{catalogue.BEGIN}\nold\n{catalogue.END}\nyours\n"
    new = catalogue.renewed(text, "new")
    assert new.startswith("mine\n") and new.endswith("\nyours\n") and "\nold\n" not in new
    assert "\nnew\n" in new and catalogue.renewed(new, "new") == new


@SHIPPED
def test_every_id_is_shown_with_all_that_it_takes_and_gives(environments: str) -> None:
    for name in env_ids():
        (row,) = [line for line in environments.splitlines() if line.startswith(f"| `{name}` ")]
        assert "uint8 (" in row and "float32 (" in row and "100 steps" in row
    for scenario in SCENARIOS.values():
        scene = scenario.make_scene(0)
        for channel in scene.action_spec.channels:
            assert f"| {channel.name} | {-channel.scale:g} {channel.unit} | " in environments
        assert f"(environments/{scenario.name}.png)" in environments


PICTURES = [
    pytest.param(name, marks=() if name == "push" else pytest.mark.slow) for name in SCENARIOS
]


@SHIPPED
@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_what_the_environments_show(name: str) -> None:
    """The simulator's part to the pixel; dreams differ by a little from machine to machine."""
    drawn = catalogue.picture(SCENARIOS[name])
    kept = cv2.imread(str(ROOT / "docs" / "environments" / f"{name}.png"))[..., ::-1]
    assert kept.shape == drawn.shape
    size_px = len(drawn)
    assert np.array_equal(kept[:, :size_px], drawn[:, :size_px])
    dreamed = slice(size_px + 4, 2 * size_px + 4)
    apart = kept[:, dreamed].astype(float) - drawn[:, dreamed]
    assert np.abs(apart).mean() < 0.5


@pytest.mark.parametrize("text", ["", catalogue.BEGIN, catalogue.END])
def test_a_page_without_the_marks_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the document needs"):
        catalogue.renewed(text, "new")


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
