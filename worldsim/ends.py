"""How a program ends: done, gone wrong, asked for what does not fit, or stopped."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import tyro

from worldsim.errors import InputError

FAILED = 1
BAD_INPUT = 2
STOPPED = 130
AGAIN = "run the same command again to start over"


def ended(run: Callable[[], object], stopped: Callable[[], str], debug: bool = False) -> int:
    """Run it; the exit code. All but 0 say why in one line on stderr, `stopped` after Ctrl-C.

    0 done; 1 it went wrong on the way (a loss that is no number); 2 what was asked for does not
    fit; 130 stopped by Ctrl-C. `debug` shows the traceback, too.
    """
    try:
        run()
    except KeyboardInterrupt:
        print(f"\nworldsim: stopped; {stopped()}", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # The reader has gone (worldsim --help | head); the interpreter must not try to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (InputError, OSError, ModuleNotFoundError, RuntimeError) as error:
        if debug:
            traceback.print_exc()
        print(f"worldsim: {one_line(error)}", file=sys.stderr)
        return FAILED if isinstance(error, RuntimeError) else BAD_INPUT
    return 0


def tool(main: Callable[..., object], stopped: str = AGAIN) -> int:
    """`ended` of a program beside the commands, `python -m worldsim.drift`, with its arguments."""

    def run() -> None:
        asked = parsed(lambda: tyro.cli(deferred(main)), "--help tells more")
        if asked is not None:
            asked()

    return ended(run, lambda: stopped, bool(os.environ.get("WORLDSIM_DEBUG")))


def deferred(command: Callable[..., object]) -> Callable[..., Callable[[], object]]:
    """The same arguments; called with them, it gives what is to be done."""

    @functools.wraps(command)
    def later(*args: Any, **kwargs: Any) -> Callable[[], object]:
        return functools.partial(command, *args, **kwargs)

    return later


def parsed(parse: Callable[[], Callable[[], object]], hint: str) -> Callable[[], object] | None:
    """What tyro makes of the arguments, None where only help was asked for.

    Raises InputError, in one line, where they do not fit.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return parse()
    except SystemExit as error:
        if not error.code:
            return None
        raise InputError(f"{_unboxed(said.getvalue())} ({hint})") from None


def _unboxed(text: str) -> str:
    """What tyro says in a box of several lines, as one line."""
    lines = [line.strip("│╭╮╰╯─ ") for line in text.splitlines()]
    said = [line for line in lines[1:] if line]
    for i, line in enumerate(said):
        if line.startswith(("For full helptext", "Argument helptext")):
            said = said[:i]
            break
    return " ".join(said)


def one_line(error: BaseException) -> str:
    """What an error says, without its traceback. Raises one of a module that nothing explains."""
    if isinstance(error, ModuleNotFoundError):
        if error.name != "pybullet":
            raise error
        return "this needs pybullet, which has wheels for Python 3.11 on Linux x86-64 only"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, RuntimeError):
        # A training process hands its whole traceback over as the message.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return f"{lines[-1]} (WORLDSIM_DEBUG=1 shows where)"
    return " ".join(str(error).split())
