"""worldsim: train, play and physics-check world models.

Importing it registers the Gymnasium environments `worldsim/Push-v0` (simulator) and
`worldsim/Push-WM-v0` (model); torch, diffusers and pybullet are loaded only when one is made.
"""

from worldsim.envs import register_envs

__version__ = "0.1.0"

register_envs()
