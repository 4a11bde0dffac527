"""`python -m worldsim.experiments`: see worldsim.experiments.run."""

import tyro

from worldsim.experiments.run import main

if __name__ == "__main__":
    tyro.cli(main)
