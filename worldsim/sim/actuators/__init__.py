"""Actuators: how an action moves the scene. One family behind one signature."""

from worldsim.sim.actuators.actuator import ACTUATORS, Actuator, Drive, actuator_from_dict
from worldsim.sim.actuators.arm import Arm
from worldsim.sim.actuators.force import Force, Launch
from worldsim.sim.actuators.hinge import Tilt, Torque
from worldsim.sim.actuators.orbit import Orbit
from worldsim.sim.actuators.planar import Planar

__all__ = [
    "ACTUATORS",
    "Actuator",
    "Arm",
    "Drive",
    "Force",
    "Launch",
    "Orbit",
    "Planar",
    "Tilt",
    "Torque",
    "actuator_from_dict",
]
