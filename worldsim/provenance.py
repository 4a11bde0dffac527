"""What made a thing: package versions and the git revision of the code."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_CODE = ("worldsim", "envs", "eval")


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Those of python and of the packages that are installed."""
    found = {"python": python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def revision(root: Path = _ROOT) -> dict[str, Any] | None:
    """{"revision": hash, "changed": bool} of the code in the git checkout at `root`.

    `changed` is whether a file of the code differs from it. None where `root` is no checkout or git
    is missing.
    """
    try:
        top, commit = _git(root, "rev-parse", "--show-toplevel", "HEAD").splitlines()
        if Path(top).resolve() != root:  # installed into somebody else's
            return None
        return {"revision": commit, "changed": bool(_git(root, "status", "--porcelain", *_CODE))}
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout
