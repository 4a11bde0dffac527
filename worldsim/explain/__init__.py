"""The closest simulation (check 20): which physics, if any, explains a clip; needs pybullet."""
