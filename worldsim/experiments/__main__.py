"""`python -m worldsim.experiments`: see worldsim.experiments.run."""

from worldsim.ends import tool
from worldsim.experiments.run import main

if __name__ == "__main__":
    raise SystemExit(tool(main, "run the same command again: finished trials are kept"))
