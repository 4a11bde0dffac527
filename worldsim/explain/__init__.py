"""The closest simulation (check 20): which other physics, if any, explains a clip; needs pybullet."""
