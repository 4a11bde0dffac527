"""A small selftest: its figures are those stored, and what is finished survives a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from worldsim.errors import InputError
from worldsim.eval.verdicts.lines import Law, Limits
from worldsim.proof import selftest as module
from worldsim.proof.clips.truths import SCENARIOS
from worldsim.proof.exam import Job, Outcome
from worldsim.proof.faults import FAULTS
from worldsim.proof.ledger import LINES, Ledger, fingerprint
from worldsim.proof.selftest import KINDS, selftest
from worldsim.proof.tables import law_table, result_of, stressed

SMALL = ("teleport", "float", "vanish", "swap", "freeze", "duplicate", "codec", "path")
STORED = Path(__file__).with_name("small_selftest.json")
"""results.json of worldsim evaluate --selftest --clips 2 --kinds ... (those of SMALL)."""
ALARM = "position error"
ONE = Limits({ALARM: 1.0, "other": 1.0}, 1.0, 10)
LIMITS = dict.fromkeys(SCENARIOS, ONE)


def outcome(kind: str, part: str, clip: int, alarm: float, magnitude: float = 0.0) -> Outcome:
    pixels = "AAAA" * (8 * 16 * 16 // 3) + "AAA="
    return Outcome(Job(kind, part, clip), "drop", clip, magnitude, 3, {ALARM: alarm}, {}, pixels)


def run(out: Path, *words: str) -> subprocess.Popen[bytes]:
    line = ["-m", "worldsim.cli", "evaluate", "--selftest", "--out", str(out), *words]
    return subprocess.Popen([sys.executable, *line], stderr=subprocess.PIPE)


def test_outcomes_survive_the_disk(tmp_path: Path) -> None:
    made = [outcome("teleport", "faulty", k, float("inf"), 0.3) for k in range(3)]
    made[1] = replace(made[1], alarms={ALARM: float("nan")}, published={"physics_iq": 97.9})
    with Ledger(tmp_path, 0) as ledger:
        for one in made:
            ledger.add(one)
    with Ledger(tmp_path, 0) as ledger:
        again = ledger.of("teleport", "faulty")
        assert [o.to_json() for o in again] == [o.to_json() for o in made]
        assert again[0].thumbnail.shape == (8, 16, 16)


def test_a_line_cut_by_a_kill_is_dropped_and_the_others_stay(tmp_path: Path) -> None:
    with Ledger(tmp_path, 0) as ledger:
        ledger.add(outcome("teleport", "faulty", 0, 2.0))
        ledger.add(outcome("teleport", "faulty", 1, 2.0))
    path = tmp_path / LINES
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with Ledger(tmp_path, 0) as ledger:
        assert list(ledger.outcomes) == [Job("teleport", "faulty", 0)]
        ledger.add(outcome("teleport", "faulty", 1, 2.0))
    assert path.read_bytes() == whole


def test_a_folder_of_another_selftest_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path, 0):
        pass
    with pytest.raises(InputError, match="another seed"):
        Ledger(tmp_path, 1)
    meta = json.loads((tmp_path / "selftest.json").read_text())
    assert meta == {"seed": 0, "code": fingerprint()}
    (tmp_path / "selftest.json").write_text(json.dumps({**meta, "code": "old"}))
    with pytest.raises(InputError, match="another code"):
        Ledger(tmp_path, 0)
    (tmp_path / "selftest.json").write_text(json.dumps(meta))
    (tmp_path / LINES).write_text("{}\n")
    with pytest.raises(InputError, match="damaged"):
        Ledger(tmp_path, 0)


def test_figures_of_a_kind(tmp_path: Path) -> None:
    sizes = FAULTS["teleport"].magnitudes
    with Ledger(tmp_path, 0) as ledger:
        for k in range(20):
            size = sizes[k % 5]
            ledger.add(outcome("teleport", "faulty", k, 5.0 if size >= 1.0 else 0.5, size))
            ledger.add(outcome("teleport", "clean", k, 0.2))
        made = result_of("teleport", 20, ledger, LIMITS)
        part = result_of("teleport", 5, ledger, LIMITS)
    assert made.auc == pytest.approx(0.8)  # 12 of 20 found, the others tie
    assert made.found == pytest.approx(0.6) and made.smallest == 1.0
    assert made.shares == {"0.3": 0.0, "0.6": 0.0, "1": 1.0, "1.5": 1.0, "2.4": 1.0}
    assert made.aucs == {"0.3": 0.5, "0.6": 0.5, "1": 1.0, "1.5": 1.0, "2.4": 1.0}
    assert made.loudest == {ALARM: 12} and made.pixel_auc == 0.5 and part.clips == 5
    low, high = made.interval
    assert low < 0.8 < high


def test_each_law_is_judged_by_its_own_alarms_alone(tmp_path: Path) -> None:
    """One law finds gross clips, one half of them, and one alarms in clean clips alone."""
    names = ("seen", "half", "false", "never")
    laws = {name: Law((name,), 2.0 if name == "half" else 1.0) for name in names}
    limits = dict.fromkeys(SCENARIOS, Limits(dict.fromkeys(names, 1.0), 3.0, 10, laws))
    sizes = FAULTS["teleport"].magnitudes
    with Ledger(tmp_path, 0) as ledger:
        for k in range(20):
            gross = sizes[k % 5] >= 1.0
            half = 5.0 if gross and k >= 10 else 1.9 if gross else float("nan")
            shown = {"seen": 5.0 * gross, "half": half, "false": 0.0, "never": float("nan")}
            quiet = {"seen": 0.9, "half": 0.9, "false": 9.0, "never": float("nan")}
            faulty = outcome("teleport", "faulty", k, 0.0, sizes[k % 5])
            ledger.add(replace(faulty, alarms=shown))
            ledger.add(replace(outcome("teleport", "clean", k, 0.0), alarms=quiet))
        made = result_of("teleport", 20, ledger, limits)
    found = made.by_law
    assert list(found) == ["seen", "half", "never", "false"]
    assert found["seen"].auc == pytest.approx(0.8) and found["seen"].smallest == 1.0
    # 1.9 is below the line that the law's measures reach together, 2.0.
    assert found["half"].auc == pytest.approx(0.65) and found["half"].found == pytest.approx(0.3)
    assert found["half"].smallest is None and found["half"].measured == pytest.approx(0.6)
    assert found["false"].auc == 0.0 and found["false"].found == 0.0
    assert found["never"].auc == 0.5 and found["never"].measured == 0.0
    rows = law_table([made]).splitlines()
    assert rows[1:] == ["teleport      seen 0.80/0.60/1"]
    assert asdict(made)["by_law"]["seen"]["smallest"] == 1.0


def test_figures_of_a_row(tmp_path: Path) -> None:
    with Ledger(tmp_path, 0) as ledger:
        for k, alarm in enumerate((5.0, 0.5)):
            one = outcome("freeze, scene settles", "stress", k, alarm)
            ledger.add(replace(one, published={"physics_iq": 20.0 + k}))
        row = stressed("freeze, scene settles", 2, ledger, LIMITS)
    assert row.flagged == 0.5 and not row.lawful and row.loudest == {ALARM: 1}
    assert row.published == {"physics_iq": 20.5}


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="teleprt"):
        selftest(tmp_path, 1, ["teleprt"], limits=LIMITS)
    assert len(KINDS) == len(set(KINDS)) == 19 + 7 + 1


def test_a_killed_selftest_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pybullet")
    words = ("--clips", "4", "--kinds", "teleport", "--workers", "1")
    process, path = run(tmp_path, *words), tmp_path / LINES
    until = time.monotonic() + 240.0
    while time.monotonic() < until and process.poll() is None:
        if path.is_file() and path.read_bytes().count(b"\n") >= 2:
            break
        time.sleep(0.05)
    assert process.poll() is None, process.stderr and process.stderr.read()
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stderr:
        process.stderr.close()
    kept = path.read_bytes()
    whole = kept[: kept.rfind(b"\n") + 1]
    results, rows = selftest(tmp_path, 4, ["teleport"], workers=1, limits=LIMITS)
    assert path.read_bytes().startswith(whole)
    lines = path.read_text().splitlines()
    assert len(lines) == len({json.dumps(json.loads(line)["job"]) for line in lines}) == 8
    assert results[0].clips == 4 and not rows
    assert "teleport" in capsys.readouterr().out
    stored = json.loads((tmp_path / module.RESULTS).read_text())
    assert stored["kinds"][0]["kind"] == "teleport" and stored["stress"] == []


def test_a_small_selftest_gives_the_stored_figures(tmp_path: Path) -> None:
    pytest.importorskip("pybullet")
    results, _ = selftest(tmp_path, 2, SMALL)  # 32 clips
    stored = {row["kind"]: row for row in json.loads(STORED.read_text())["kinds"]}
    assert list(stored) == list(SMALL)
    made = {result.kind: (result.clips, result.auc, result.found) for result in results}
    assert made == {kind: (r["clips"], r["auc"], r["found"]) for kind, r in stored.items()}
    assert all(result.auc == 1.0 for result in results if not result.control)
    assert all(result.auc == 0.5 for result in results if result.control)
    assert sorted(path.stem for path in (tmp_path / "sheets").iterdir()) == sorted(SMALL)
