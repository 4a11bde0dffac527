"""PyBullet, loaded on first use and without the banner it prints."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from worldsim.errors import InputError
from worldsim.quiet import silent_stderr

if TYPE_CHECKING:
    from worldsim.sim.camera import Camera
    from worldsim.sim.scene import Light


@cache
def load_bullet() -> Any:
    """The pybullet module. Raises InputError where it is not installed."""
    try:
        with silent_stderr():
            return importlib.import_module("pybullet")
    except ModuleNotFoundError as error:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            f"the simulator needs pybullet, which is not installed for this Python {python}; its "
            "wheels are for CPython 3.9-3.11 on Linux x86-64: use Python 3.11 and "
            "`pip install pybullet`"
        ) from error


@cache
def data_path() -> Path:
    """The folder of robots and meshes that comes with pybullet. Raises InputError without it."""
    load_bullet()
    return Path(importlib.import_module("pybullet_data").getDataPath())


def camera_arguments(bullet: Any, camera: Camera, light: Light) -> dict[str, Any]:
    """What getCameraImage is told of a view and its light."""
    projection = bullet.computeProjectionMatrixFOV(
        float(np.degrees(camera.fov_y_rad)),
        camera.width_px / camera.height_px,
        camera.near_m,
        camera.far_m,
    )
    return {
        "width": camera.width_px,
        "height": camera.height_px,
        "viewMatrix": bullet.computeViewMatrix(camera.position_m, camera.target_m, camera.up),
        "projectionMatrix": projection,
        "lightDirection": light.direction,
        "lightColor": (1.0, 1.0, 1.0),
        "lightAmbientCoeff": light.ambient,
        "lightDiffuseCoeff": light.diffuse,
        "lightSpecularCoeff": light.specular,
        "flags": bullet.ER_SEGMENTATION_MASK_OBJECT_AND_LINKINDEX,
        "renderer": bullet.ER_TINY_RENDERER,
    }
