"""Ledger: outcomes of clips on disk, one line each, kept whatever ends the run."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from types import TracebackType

import worldsim
from worldsim.data.atomic import write_whole
from worldsim.errors import InputError
from worldsim.proof.exam import Job, Outcome

META, LINES = "selftest.json", "clips.jsonl"
_DECIDING = ("sim", "render", "agents", "eval", "proof")
_LATER = ("page", "verdicts", "scoring", "ledger.py", "selftest.py", "calibrate.py", "tables.py")


class Ledger:
    """The outcomes in a folder. A line is whole or was never written: a cut last one is dropped.

    Raises InputError where the folder's outcomes are of another seed or of other code.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.outcomes: dict[Job, Outcome] = {}
        meta = {"seed": seed, "code": fingerprint()}
        path = folder / META
        if path.is_file():
            _check(folder, meta, path)
        else:
            write_whole(path, (json.dumps(meta) + "\n").encode())
        self._path = folder / LINES
        self._read()
        self._file = open(self._path, "ab")

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome, on disk when this returns."""
        self._file.write((outcome.to_json() + "\n").encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.outcomes[outcome.job] = outcome

    def of(self, kind: str, part: str) -> list[Outcome]:
        """Outcomes of a kind's part by clip number."""
        found = [o for job, o in self.outcomes.items() if (job.kind, job.part) == (kind, part)]
        return sorted(found, key=lambda outcome: outcome.job.clip)

    def _read(self) -> None:
        if not self._path.is_file():
            return
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        try:
            for line in whole.decode().splitlines():
                outcome = Outcome.from_json(line)
                self.outcomes[outcome.job] = outcome
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self._path} is damaged ({error}); choose another --out") from error
        if len(whole) < len(content):  # the process was killed while it wrote
            os.truncate(self._path, len(whole))

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def fingerprint(*also: str) -> str:
    """A digest of the code that decides on outcomes, not of what is made of them later.

    `also` names further folders and files of the package.
    """
    root = Path(worldsim.__file__).parent
    parts = [root / name for name in (*_DECIDING, *also)]
    files = sorted(
        file for part in parts for file in (part.rglob("*.py") if part.is_dir() else [part])
    )
    later = [root / folder / name for folder in ("eval", "proof") for name in _LATER]
    digest = sha256()
    for path in files:
        if any(path.is_relative_to(one) for one in later):
            continue
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _check(folder: Path, meta: dict[str, object], path: Path) -> None:
    try:
        stored = json.loads(path.read_text())
        differs = [key for key in meta if stored.get(key) != meta[key]]
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error}); choose another --out") from error
    if differs:
        raise InputError(
            f"{folder} holds a selftest with another {' and '.join(differs)}; choose another --out"
        )
