"""A model on several recordings: a report each, one table, and what is finished stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint

from worldsim import checkpoints, cli, survey
from worldsim.actions import ActionChannel, ActionSpec
from worldsim.data.dataset import Dataset
from worldsim.dreams import Dreamer
from worldsim.errors import InputError
from worldsim.eval.score import Report, Score
from worldsim.eval.verdicts.rulings import Ruling, Verdict


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights and three recordings of Push."""
    pytest.importorskip("pybullet")
    folder = tmp_path_factory.mktemp("survey")
    write_checkpoint(folder / "model")
    for name, split, seed in (("id", "id", 3), ("ood", "ood", 3), ("again", "id", 4)):
        line = f"simulate push --out {folder / name} --split {split} --seed {seed}"
        assert cli.main(f"{line} --episodes 2 --steps 12 --workers 1".split()) == 0
    return folder


def evaluate(folder: Path, out: Path, *data: str, more: str = "--horizon 8") -> int:
    paths = " ".join(str(folder / name) for name in data)
    line = f"evaluate --model {folder / 'model'} --data {paths} --out {out} {more}"
    return cli.main(f"{line} --workers 1 --checks position horizon".split())


def test_every_recording_has_its_report_and_all_one_table(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evaluate(folder, tmp_path, "id", "ood") == 0
    reports = {n: Report.load(tmp_path / n / "report.json") for n in ("push-id", "push-ood")}
    assert {report.episodes for report in reports.values()} == {2}
    text = (tmp_path / survey.TABLE).read_text()
    assert text == survey.table(reports) + "\n"
    assert "| push | id |" in text and "| push | ood |" in text

    def judged_again(*_: object) -> Report:
        raise AssertionError("judged again")

    monkeypatch.setattr(survey, "judge", judged_again)
    assert evaluate(folder, tmp_path, "id", "ood") == 0
    with pytest.raises(AssertionError, match="judged again"):
        evaluate(folder, tmp_path, "id", "ood", more="--horizon 7")
    config = folder / "model" / checkpoints.CONFIG
    as_it_was = config.read_text()
    config.write_text(json.dumps({**json.loads(as_it_was), "pinned": True}))
    with pytest.raises(AssertionError, match="judged again"):
        evaluate(folder, tmp_path, "id", "ood")
    config.write_text(as_it_was)


def test_errors_stand_across_the_view_and_along_it() -> None:
    def body(across_m: float, along_m: float) -> SimpleNamespace:
        across, along = (Score("error", value, "m", 8) for value in (across_m, along_m))
        return SimpleNamespace(lateral={16: across}, along_view={16: along})

    bodies = {"ball": body(0.002, 0.04), "box": body(0.004, 0.06), "rod": body(0.003, float("nan"))}
    model = SimpleNamespace(bodies=bodies)
    reports: dict[str, Report] = {"swing-id": SimpleNamespace(rows={"model": model})}  # type: ignore[dict-item]
    head, _, line, *_ = survey.views(reports, [16]).splitlines()
    assert head == "| scenario | split | across, 16 | along, 16 |"
    assert line == "| swing | id | 3.0 | 50.0 |"


def test_laws_stand_by_scenario_and_split() -> None:
    def report(*verdicts: Verdict) -> Report:
        rulings = [
            Ruling("", law, v, 8) for law, v in zip(("gravity", "energy"), verdicts, strict=True)
        ]
        return SimpleNamespace(rulings={"model": rulings})  # type: ignore[return-value]

    reports = {
        "drop-ood": report("broken", "undecided"),
        "drop-id": report("held", "broken"),
        "push-id": report("not measured", "held"),
    }
    head, _, gravity, energy, _, signs = survey.laws(reports).splitlines()
    assert head == "| law | drop | push |"
    assert gravity == "| gravity | + x | . - |" and energy == "| energy | x ? | + - |"
    assert signs.startswith("In the splits id, ood: + held, x broken")


def test_recordings_that_would_share_a_folder_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(folder, tmp_path / "out", "id", "again") == 2
    assert "two recordings are push-id" in capsys.readouterr().err
    more = "--horizon 8 --limits sane"
    assert evaluate(folder, tmp_path / "out", "id", "ood", more=more) == 2
    assert "--limits" in capsys.readouterr().err


def test_the_nearest_trivial_row_is_the_one_not_clearly_beaten() -> None:
    def by_steps(lead_m: float, low_m: float, clips: int = 8) -> dict[int, Score]:
        interval = (low_m, lead_m + 0.01)
        return {survey.BY: Score("lead of the model", lead_m, "m", clips, interval=interval)}

    leads: dict[str, dict[int, Score]] = {"model": {}, "second run": by_steps(-1.0, -2.0)}
    leads |= {"frozen frame": by_steps(0.3, 0.2), "constant velocity": by_steps(0.4, 0.1)}
    leads |= {"shuffled actions": by_steps(float("nan"), float("nan"), clips=0)}
    name, lead = survey.least_lead(leads)
    assert name == "constant velocity" and lead is not None and lead.value == 0.4
    assert survey.least_lead({"model": {}}) == ("-", None)


def test_a_scene_with_larger_scales_has_its_actions_in_those_the_model_learned(
    folder: Path,
) -> None:
    """Half the deflection at twice the scale is the same motion, so the same dream."""
    episode = Dataset(folder / "id")[0]
    spec = episode.scene.action_spec
    twice = ActionSpec(tuple(replace(one, scale=2.0 * one.scale) for one in spec.channels))
    other = replace(episode, scene=replace(episode.scene, action_spec=twice))
    dreamer, half = Dreamer(folder / "model", 3), episode.actions / 2
    other = replace(other, actions=half)
    drawn = [dreamer(episode, episode.actions), dreamer(other, half)]
    assert np.array_equal(drawn[0].frames, drawn[1].frames)
    assert np.array_equal(drawn[1].actions, half)
    np.testing.assert_array_equal(twice.convert(half, spec), episode.actions)
    unlike = ActionSpec((ActionChannel("torque", "N m", 1.0),))
    with pytest.raises(InputError, match="torque"):
        unlike.convert(half[:, :1], spec)
