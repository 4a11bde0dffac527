"""Body poses and a scene become RGB, depth and segmentation; no display, no GL, no pybullet."""

from worldsim.render.renderer import Renderer, draw_states

__all__ = ["Renderer", "draw_states"]
