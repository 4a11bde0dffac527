"""worldsim: train, play and physics-check world models.

Start with `worldsim demo`. From nothing to a judged model of your own:

  worldsim simulate push --out data/push --episodes 500
  worldsim train tiny --data data/push --out runs/tiny --minutes 20
  worldsim simulate push --out data/push-test --episodes 40 --seed 1
  worldsim evaluate --model runs/tiny --data data/push-test --out runs/eval

`--debug` before or after a command (or WORLDSIM_DEBUG=1) shows the traceback of an error.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence

import tyro

import worldsim
from worldsim.commands import COMMANDS
from worldsim.ends import AGAIN, deferred, ended, parsed
from worldsim.errors import InputError, unknown

ALIASES = {("render", "--size"): "--size-px"}
GO_ON = {
    "evaluate": "run the same command again: --floors and --selftest go on, others start over",
    "render": "run the same command again to go on where it stopped",
    "simulate": "run the same command again to go on where it stopped",
    "train": "run the same command with --resume to go on from the last checkpoint",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (without the program's name); returns the exit code, see `ended`."""
    # Frames are small: a second thread in a process waits more than it works.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments or bool(os.environ.get("WORLDSIM_DEBUG"))
    arguments = [argument for argument in arguments if argument != "--debug"]
    if arguments == ["--version"]:
        print(f"worldsim {worldsim.__version__}")
        return 0

    def run() -> None:
        if os.getcwd() not in sys.path:  # for scenarios named "module:name"; last, to hide nothing
            sys.path.append(os.getcwd())
        command = _parse(arguments)
        if command is not None:
            command()

    return ended(run, lambda: GO_ON.get(arguments[0], AGAIN), debug)


def _parse(arguments: list[str]) -> Callable[[], object] | None:
    """The command with its arguments, or None where only help was asked for."""
    if arguments and not arguments[0].startswith("-"):
        if arguments[0] not in COMMANDS:
            raise unknown("command", arguments[0], COMMANDS)
        _check_options(arguments[0], arguments[1:])
    commands = {name: deferred(command) for name, command in COMMANDS.items()}

    def parse() -> Callable[[], object]:
        made: Callable[[], object] = tyro.extras.subcommand_cli_from_dict(
            commands, prog="worldsim", description=__doc__, args=arguments
        )
        return made

    return parsed(parse, "worldsim --help, worldsim COMMAND --help")


def _check_options(command: str, arguments: list[str]) -> None:
    parameters = inspect.signature(COMMANDS[command]).parameters.values()
    known = {f"--{parameter.name.rstrip('_').replace('_', '-')}" for parameter in parameters}
    hidden = {"--help"} | {
        f"--no-{flag}" for flag in ("resume", "video", "frames", "repair", "json", "looks")
    }
    hidden |= {f"--no-{flag}" for flag in ("selftest", "floors", "ceiling", "explain")}
    hidden |= {f"--no-{flag}" for flag in ("shard", "trust")}
    given = set()
    for argument in arguments:
        option = argument.partition("=")[0].replace("_", "-")
        option = ALIASES.get((command, option), option)
        if not option.startswith("--"):
            continue
        if option not in known | hidden:
            raise unknown(f"option of worldsim {command}", option, known)
        if option in given:  # the parser would take the last and forget the others
            raise InputError(f"{option} is given twice; put all its values after one {option}")
        given.add(option)


if __name__ == "__main__":
    sys.exit(main())
