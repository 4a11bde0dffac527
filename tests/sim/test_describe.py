"""The sentence about a scene, taken apart again and held against the scene."""

from __future__ import annotations

import re
from colorsys import hsv_to_rgb, rgb_to_hsv
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.sim import words
from worldsim.sim.actuators import Force, Orbit, Planar
from worldsim.sim.camera import Camera
from worldsim.sim.describe import VOCABULARY
from worldsim.sim.meshes import hull
from worldsim.sim.scenarios import SCENARIOS
from worldsim.sim.scenarios.parts import HUES
from worldsim.sim.scene import Body, Scene, Split
from worldsim.sim.simulator import Simulator

ALL = pytest.mark.parametrize("name", SCENARIOS)
SPLITS = get_args(Split)
RED, BLUE, GREEN, GREY = (0.9, 0.1, 0.1), (0.1, 0.2, 0.9), (0.1, 0.8, 0.2), (0.5, 0.5, 0.5)
COLORS = {*HUES, "white", "grey", "black"}
NOUNS = {
    "sphere": "sphere",
    "box": "box",
    "plate": "box",
    "cube": "box",
    "cylinder": "cylinder",
    "disc": "cylinder",
    "solid": "mesh",
}
UNITS = {word: value for value, word in enumerate(words.SMALL)}
UNITS |= {word: 10 * value for value, word in enumerate(words.TENS, start=2)}
DOING = "rolls|slides|flies|falls|floats|spins|rests|lies"
NUMBER = rf"(?:(?:{'|'.join(UNITS)}|hundred|thousand|less than) ?)+"
TOLD = re.compile(
    rf"an? (?:tilted )?(?P<color>{'|'.join(COLORS)}) (?P<noun>(?:pendulum )?[a-z]+)"
    rf"(?: number {NUMBER})? ?"
    rf"of (?P<size>{NUMBER}(?:by {NUMBER})*)millimetres? and (?P<mass>{NUMBER})grams?"
)


def value(text: str) -> float:
    """A number in words, read back. Less than one is a half."""
    total, part = 0, 0
    if text.strip() == "less than one":
        return 0.5
    for word in text.split():
        if word == "thousand":
            total, part = 1000 * (total + part), 0
        elif word == "hundred":
            part *= 100
        else:
            part += UNITS[word]
    return total + part


def tokens(sentence: str) -> list[str]:
    return re.findall(r"[A-Za-z']+", sentence[0].lower() + sentence[1:])


def color_of(rgb: tuple[float, float, float]) -> str:
    hue, saturation, brightness = rgb_to_hsv(*rgb)
    if brightness < 0.12:
        return "black"
    if saturation < 0.12:
        return "white" if brightness > 0.85 else "grey"

    def apart(name: str) -> float:
        difference = abs(hue - HUES[name][0]) % 1.0
        return min(difference, 1.0 - difference)

    return min(HUES, key=apart)


def facts(body: Body) -> tuple[Any, ...]:
    """What must be said of a body that has a mass."""
    edges_m = [2.0 * body.size_m[0], *body.size_m[1:]]
    edges_m = list(body.size_m) if body.shape in ("box", "mesh") else edges_m
    return (
        color_of(body.color_rgb),
        *(_rounded(1000.0 * edge) for edge in edges_m),
        _rounded(1000.0 * body.mass_kg),
    )


def _rounded(number: float) -> float:
    return round(number) or (0.5 if number > 0.0 else 0.0)


def with_mass(scene: Scene) -> list[Body]:
    """Bodies that are told with size and mass: the free ones and what the action drives."""
    driven = scene.actuator.body
    return [
        body
        for body in scene.bodies
        if (body.role == "free" or body.name == driven) and body.role != "camera" and not body.asset
    ]


def check(scene: Scene) -> str:
    """Hold every colour, shape and number of the sentence against the scene."""
    sentence = scene.describe()
    assert sentence.endswith(".") and sentence.count(".") == 1 and sentence[0].isupper()
    assert set(tokens(sentence)) <= VOCABULARY, set(tokens(sentence)) - VOCABULARY
    text = sentence[0].lower() + sentence[1:-1]
    happens, pull = text.rsplit("; ", 1)
    told = []
    for found in TOLD.finditer(happens):
        sizes = [value(part) for part in found["size"].split(" by ")]
        sizes *= 3 if found["noun"] == "cube" else 1
        told.append((found["color"], *sizes, value(found["mass"])))
        shapes = {b.shape for b in with_mass(scene) if facts(b) == told[-1]}
        assert found["noun"] not in NOUNS or NOUNS[found["noun"]] in shapes
    assert sorted(told) == sorted(facts(body) for body in with_mass(scene))
    known = {color_of(body.color_rgb) for body in scene.bodies}
    assert {word for word in tokens(text) if word in COLORS} <= known
    check_speeds(scene, happens)
    check_distances(scene, happens)
    check_gravity(scene, pull)
    return sentence


def check_speeds(scene: Scene, happens: str) -> None:
    free = [b for b in scene.bodies if b.role == "free" or b.name == scene.actuator.body]
    speeds = [1000.0 * float(np.linalg.norm(b.velocity_m_s)) for b in free if any(b.velocity_m_s)]
    said = re.findall(rf"(?:{DOING}) at ({NUMBER})millimetres? a second", happens)
    assert sorted(map(value, said)) == sorted(map(_rounded, speeds))


def check_distances(scene: Scene, happens: str) -> None:
    """Between the centres of what a clause is about and of what was told first."""
    clauses = happens.split(", ")
    firsts = subjects(scene, clauses[0])
    for clause in clauses:
        found = re.search(rf"\b({NUMBER})millimetres? from the ({'|'.join(COLORS)}) ", clause)
        if found is None:
            continue
        apart_mm = [
            1000.0 * float(np.linalg.norm(np.subtract(first.position_m, body.position_m)))
            for first in firsts
            for body in subjects(scene, clause)
            if found[2] == color_of(first.color_rgb)
        ]
        assert any(abs(mm - value(found[1])) <= 0.5 for mm in apart_mm), (clause, apart_mm)


def subjects(scene: Scene, clause: str) -> list[Body]:
    """The bodies that a clause can be about, by all it says of them."""
    mark = re.match(rf"a ({'|'.join(COLORS)}) (?:[a-z]+) (?:number [a-z ]+ )?marks", clause)
    if mark:
        marks = [body for body in scene.bodies if body.role == "marker"]
        return [body for body in marks if color_of(body.color_rgb) == mark[1]]
    again = re.match(rf"the ({'|'.join(COLORS)}) ", clause)
    if again:
        return [body for body in with_mass(scene) if color_of(body.color_rgb) == again[1]]
    told = TOLD.search(clause)
    if told is None:  # what has no size of its own: an arm by its hand
        return [scene.body(scene.actuator.body)]
    edges = [value(part) for part in told["size"].split(" by ")]
    edges *= 3 if told["noun"] == "cube" else 1
    wanted = (told["color"], *edges, value(told["mass"]))
    return [body for body in with_mass(scene) if facts(body) == wanted]


def check_gravity(scene: Scene, pull: str) -> None:
    share = float(np.linalg.norm(scene.gravity_m_s2)) / 9.81
    if pull == "there is no gravity":
        assert share == 0.0
    elif "that of Earth" in pull:
        assert share == pytest.approx(1.0, abs=0.0101)
    elif "half" in pull:
        assert share == pytest.approx(0.5, abs=0.0101)
    else:
        found = re.match(rf"gravity is ({NUMBER})hundredths? of Earth's", pull)
        assert found and value(found[1]) == pytest.approx(100.0 * share, abs=0.5)
    down = scene.gravity_m_s2[2] < 0.0 and not any(scene.gravity_m_s2[:2])
    assert ("points" in pull) == (share > 0.0 and not down)


@given(st.integers(0, words.LARGEST))
def test_numbers_are_read_back(number: int) -> None:
    assert value(words.number(number)) == number
    assert set(words.number(number).split()) <= VOCABULARY


def test_numbers_at_the_ends() -> None:
    assert words.number(0) == "zero" and words.number(0.3) == "less than one"
    assert words.number(1e9).startswith("more than nine hundred ninety nine thousand")
    assert words.counted(1.2, "gram") == "one gram"
    assert words.counted(0.0, "gram") == "zero grams"
    assert words.counted(2.0, "gram") == "two grams"


def test_the_vocabulary_is_small() -> None:
    assert len(VOCABULARY) <= 200


@ALL
@pytest.mark.parametrize("split", SPLITS)
def test_sentences_say_what_the_scene_holds(name: str, split: Split) -> None:
    for seed in range(30):
        check(SCENARIOS[name].make_scene(seed, split))


@ALL
def test_different_scenes_have_different_sentences(name: str) -> None:
    for split in SPLITS:
        scenes = [SCENARIOS[name].make_scene(seed, split) for seed in range(60)]
        assert len({scene.describe() for scene in scenes}) == len(set(scenes)), split


@ALL
@pytest.mark.parametrize("split", SPLITS)
def test_every_body_is_called_by_a_name_of_its_own(name: str, split: Split) -> None:
    for seed in range(5):
        scene = SCENARIOS[name].make_scene(seed, split)
        said = scene.describe().lower()
        names = [found.group().split(" of ")[0] for found in TOLD.finditer(said)]
        assert len(set(names)) == len(names) == len(with_mass(scene))


@ALL
def test_lies_are_found_out(name: str) -> None:
    """A sentence about another scene is another sentence, whatever the difference."""
    for seed in range(5):
        scene = SCENARIOS[name].make_scene(seed)
        said = scene.describe()
        stronger = (0.0, 0.0, 1.2 * scene.gravity_m_s2[2])
        assert replace(scene, gravity_m_s2=stronger).describe() != said
        for body in with_mass(scene):
            hue, saturation, brightness = rgb_to_hsv(*body.color_rgb)
            other = hsv_to_rgb((hue + 0.4) % 1.0, max(saturation, 0.5), brightness)
            size_m = tuple(1.2 * edge_m for edge_m in body.size_m)
            for lie in (
                {"color_rgb": other},
                {"mass_kg": 1.1 * body.mass_kg + 0.002},
                {"size_m": size_m},
            ):
                changed = replace(body, **lie)
                bodies = tuple(changed if b is body else b for b in scene.bodies)
                assert replace(scene, bodies=bodies).describe() != said, (body.name, lie)


@dataclass
class Start:
    """What a body does at the start, as the sentence has it and as the simulator has it."""

    says: str
    body: Body
    moved_m: float
    gained_m_s: float


def starts(simulator: Simulator, scene: Scene) -> list[Start]:
    """Free bodies over the first tenth of a second under the null action."""
    sentence = scene.describe()
    found = []
    simulator.reset(scene)
    before = simulator.state()
    time_s = 0.0
    while time_s < 0.1 - 1e-9:
        simulator.step(np.zeros(scene.action_spec.size, np.float32))
        time_s += scene.dt_s
    after = simulator.state()
    for match in re.finditer(
        rf"({'|'.join(COLORS)}) (?:{'|'.join(NOUNS)})(?: number {NUMBER})?"
        rf"(?: of [a-z ]*?grams?)? ?({DOING})\b",
        sentence.lower(),
    ):
        bodies = [
            (i, b)
            for i, b in enumerate(scene.bodies)
            if color_of(b.color_rgb) == match[1] and b in with_mass(scene)
        ]
        if len(bodies) == 1:
            index, body = bodies[0]
            step_m = after["position_m"][index] - before["position_m"][index]
            gain = after["velocity_m_s"][index] - before["velocity_m_s"][index]
            found.append(Start(match[2], body, float(np.linalg.norm(step_m)), -float(gain[2])))
    return found


@ALL
@pytest.mark.parametrize("split", SPLITS)
def test_what_is_said_to_happen_happens(simulator: Simulator, name: str, split: Split) -> None:
    """What rests stays, what falls gains speed downwards at once, what rolls or flies moves on."""
    for seed in range(3):
        scene = SCENARIOS[name].make_scene(seed, split)
        gravity_m_s2 = -scene.gravity_m_s2[2]
        told = starts(simulator, scene)
        assert told or not any(body.role == "free" for body in scene.bodies)
        for start in told:
            if start.says == "rests":
                assert start.moved_m < 2e-3, start
            elif start.says in ("falls", "flies"):
                assert start.gained_m_s > 0.07 * gravity_m_s2, start
            elif start.says in ("rolls", "slides"):
                assert start.moved_m > 0.05 * np.linalg.norm(start.body.velocity_m_s), start


def scene_of(*bodies: Body, **values: Any) -> Scene:
    """A scene made by hand on a floor whose top is z = 0; a force acts on the first body."""
    floor = Body("floor", "box", (9.0, 9.0, 0.2), GREY, (0.0, 0.0, -0.1), role="static")
    first, *others = bodies
    if first.role == "free":
        first = replace(first, role="actuated")
    settings: dict[str, Any] = {
        "scenario": "mine",
        "bodies": (floor, first, *others),
        "camera": Camera(position_m=(0.0, -3.0, 1.0), target_m=(0.0, 0.0, 0.1)),
        "actuator": Force(body=first.name, axes="x"),
        "action_spec": ActionSpec((ActionChannel("force", "N", 1.0),)),
    }
    return Scene(**{**settings, **values})


def ball(name: str = "it", **values: Any) -> Body:
    settings: dict[str, Any] = {
        "shape": "sphere",
        "size_m": (0.05,),
        "color_rgb": RED,
        "position_m": (0.0, 0.0, 0.05),
        "mass_kg": 0.2,
    }
    return Body(name, **{**settings, **values})


def block(name: str, color_rgb: tuple[float, float, float] = BLUE, **values: Any) -> Body:
    settings: dict[str, Any] = {
        "shape": "box",
        "size_m": (0.1, 0.1, 0.1),
        "color_rgb": color_rgb,
        "position_m": (0.5, 0.0, 0.05),
        "mass_kg": 0.3,
    }
    return Body(name, **{**settings, **values})


SCREEN = block("screen", GREY, size_m=(0.3, 0.02, 0.3), position_m=(0.3, -0.3, 0.15), role="static")


def test_the_sentence_of_the_plan() -> None:
    """A sphere that rolls towards a box, behind a screen, under half of Earth's gravity."""
    scene = scene_of(
        ball(position_m=(-0.4, 0.0, 0.05), velocity_m_s=(0.6, 0.0, 0.0)),
        block("crate", position_m=(0.8, 0.0, 0.05)),
        SCREEN,
        gravity_m_s2=(0.0, 0.0, -4.905),
    )
    assert check(scene) == (
        "A red sphere of one hundred millimetres and two hundred grams rolls at six hundred "
        "millimetres a second towards a blue cube of one hundred millimetres and three hundred "
        "grams on a path behind a grey screen, the blue cube rests one thousand two hundred "
        "millimetres from the red sphere, the action pushes the red sphere; "
        "gravity is half of Earth's."
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, " rests"),
        ({"velocity_m_s": (0.5, 0.0, 0.0)}, " rolls at five hundred millimetres a second"),
        ({"position_m": (0.0, 0.0, 0.5)}, " falls"),
        ({"position_m": (0.0, 0.0, 0.5), "velocity_m_s": (0.5, 0.0, 0.0)}, " flies at"),
        ({"position_m": (0.0, 0.0, 0.5), "velocity_m_s": (0.0, 0.0, -0.5)}, " falls at"),
        ({"velocity_m_s": (0.5, 0.0, 0.5)}, " flies at"),
        ({"angular_velocity_rad_s": (0.0, 0.0, 3.0)}, " spins"),
        ({"shape": "box", "size_m": (0.1, 0.1, 0.1), "velocity_m_s": (1.0, 0.0, 0.0)}, " slides"),
        ({"shape": "cylinder", "size_m": (0.04, 0.1), "velocity_m_s": (1.0, 0.0, 0.0)}, " slides"),
        (
            {
                "shape": "cylinder",
                "size_m": (0.05, 0.1),
                "velocity_m_s": (1.0, 0.0, 0.0),
                "orientation_xyzw": (0.5**0.5, 0.0, 0.0, 0.5**0.5),
            },
            " rolls",
        ),
    ],
)
def test_how_a_body_starts(values: dict[str, Any], says: str) -> None:
    assert says in check(scene_of(ball(**values))).split(", ")[0]


def test_without_gravity_bodies_float() -> None:
    said = check(scene_of(ball(position_m=(0.0, 0.0, 0.5)), gravity_m_s2=(0.0, 0.0, 0.0)))
    assert "floats" in said and said.endswith("; there is no gravity.")


@pytest.mark.parametrize(
    ("gravity_m_s2", "says"),
    [
        ((0.0, 0.0, -9.81), "is that of Earth."),
        ((0.0, 0.0, -9.72), "is that of Earth."),
        ((0.0, 0.0, -9.60), "is ninety eight hundredths of Earth's."),
        ((0.0, 0.0, -4.82), "is half of Earth's."),
        ((0.0, 0.0, -4.70), "is forty eight hundredths of Earth's."),
        ((0.0, 0.0, -4.12), "is forty two hundredths of Earth's."),
        ((0.0, 0.0, -0.12), "is one hundredth of Earth's."),
        ((0.0, 0.0, -0.01), "is less than one hundredth of Earth's."),
        ((0.0, 0.0, 9.81), "is that of Earth and points up."),
        ((0.0, 4.905, 0.0), "is half of Earth's and points to the side."),
    ],
)
def test_gravity_in_words(gravity_m_s2: tuple[float, float, float], says: str) -> None:
    assert check(scene_of(ball(), gravity_m_s2=gravity_m_s2)).endswith(f"; gravity {says}")


def test_what_a_body_stands_on() -> None:
    stand = block("left_stand", GREY, position_m=(0.0, 0.0, 0.2), role="static")
    stand = replace(stand, size_m=(0.06, 0.06, 0.4))
    said = check(scene_of(ball(position_m=(0.0, 0.0, 0.45)), stand))
    assert "grams rests on a grey stand, " in said


def test_what_stands_beside_bears_nothing() -> None:
    tower = block("tower", size_m=(0.1, 0.1, 1.0), position_m=(0.1, 0.0, 0.5), role="static")
    assert "grams falls" in check(scene_of(ball(position_m=(0.0, 0.0, 0.5)), tower))
    assert "grams rests, " in check(scene_of(ball(), tower))


def test_a_beam_on_two_pillars_rests_on_both() -> None:
    beam = block("top", RED, size_m=(1.0, 0.1, 0.1), position_m=(0.0, 0.0, 0.25))
    pillars = [
        block(name, color, position_m=(x_m, 0.0, 0.1), size_m=(0.05, 0.05, 0.2))
        for name, color, x_m in (("a", BLUE, -0.3), ("b", GREEN, 0.3))
    ]
    said = check(scene_of(beam, *pillars))
    on = re.search(r"grams rests on a blue box of [a-z ]+ and a green box of", said)
    assert on, said


def test_a_ball_on_a_tilted_plank_lies() -> None:
    turn = (0.0, float(np.sin(0.15)), 0.0, float(np.cos(0.15)))
    plank = block("plank", GREEN, size_m=(1.0, 0.2, 0.02), position_m=(0.0, 0.0, 0.5))
    plank = replace(plank, role="static", orientation_xyzw=turn)
    height_m = 0.5 + (0.05 + 0.01) / np.cos(0.3)
    said = check(scene_of(ball(position_m=(0.0, 0.0, float(height_m))), plank))
    assert "grams lies on a tilted green plank, " in said


def test_behind_a_screen_is_behind_it(simulator: Simulator) -> None:
    hidden = ball(position_m=(0.35, 0.3, 0.05))
    seen = ball(position_m=(-0.4, 0.3, 0.05))
    for body, share in ((hidden, 0), (seen, 1)):
        scene = scene_of(body, SCREEN)
        simulator.reset(scene)
        visible = (simulator.render()[2] == 1 + scene.index(body.name)).any()
        assert ("rests behind a grey screen" in check(scene)) == (not visible) == (share == 0)


@ALL
def test_on_a_path_behind_a_screen_it_vanishes(simulator: Simulator, name: str) -> None:
    """Left alone, a body that is said to come behind the screen is out of sight for a while."""
    for seed in range(3):
        scene = SCENARIOS[name].make_scene(seed)
        said = re.search(rf"({'|'.join(COLORS)}) [a-z ]+ on a path behind", scene.describe())
        if said is None:
            continue
        (index,) = [i for i, b in enumerate(scene.bodies) if any(b.velocity_m_s)]
        assert color_of(scene.bodies[index].color_rgb) in said[0]
        simulator.reset(scene)
        seen = []
        for _ in range(60):
            seen.append(bool((simulator.render()[2] == index + 1).any()))
            simulator.step(np.zeros(scene.action_spec.size, np.float32))
        assert seen[0] and not all(seen)


def test_a_screen_beside_a_path_is_not_ahead() -> None:
    scene = scene_of(ball(position_m=(-0.4, -0.9, 0.05), velocity_m_s=(0.6, 0.0, 0.0)), SCREEN)
    assert check(scene).split(", ", 1)[1].startswith("the action pushes the red sphere, there is")


def test_the_nearer_body_ahead_is_named() -> None:
    start = ball(velocity_m_s=(1.0, 0.0, 0.0))
    near, far = block("a", BLUE), block("b", GREEN, position_m=(1.5, 0.0, 0.05))
    beside = block("c", (0.9, 0.9, 0.1), position_m=(0.3, 0.4, 0.05))
    for others in ((far, beside, near), (near, beside, far)):
        said = check(scene_of(start, *others)).split(", ")[0]
        assert "towards a blue cube" in said
    back = replace(start, velocity_m_s=(-1.0, 0.0, 0.0))
    assert "towards" not in check(scene_of(back, far, beside, near))


def test_bodies_that_look_alike_are_numbered() -> None:
    crates = [block(f"crate_{i}", position_m=(0.3 * i, 0.0, 0.05)) for i in range(1, 25)]
    said = check(scene_of(ball(), *crates))
    assert "a blue cube number one of" in said and "a blue cube number twenty four of" in said


def test_unknown_names_are_told_by_colour_and_shape() -> None:
    pole = block("zorg", (0.02, 0.02, 0.02), shape="cylinder", size_m=(0.05, 0.3), role="static")
    spot = block("blot", (0.97, 0.97, 0.97), shape="cylinder", size_m=(0.1, 0.001), role="marker")
    said = check(scene_of(ball("quux"), pole, spot))
    assert "a white disc marks a place" in said and "there is a black cylinder" in said


def test_a_mesh_is_a_solid_and_rests_on_its_own_form() -> None:
    mesh = hull(0)
    low_m = 0.2 * -min(z for _, _, z in mesh.vertices)
    size_m = tuple(0.2 * edge for edge in mesh.extents)
    stone = ball(shape="mesh", mesh=mesh, size_m=size_m, position_m=(0.0, 0.0, low_m))
    assert check(scene_of(stone)).startswith("A red solid of ")
    assert "grams rests" in scene_of(stone).describe()
    above = replace(stone, position_m=(0.0, 0.0, low_m + 0.02))
    assert "grams falls" in scene_of(above).describe()


def test_parts_that_touch_are_one_bin_and_others_are_not() -> None:
    sides = [
        block(f"bin_{i}", GREY, size_m=(0.02, 0.3, 0.1), position_m=(x_m, 0.0, 0.05), role="static")
        for i, x_m in enumerate((0.5, 0.8))
    ]
    bottom = block("bin_bottom", GREY, size_m=(0.32, 0.3, 0.01), position_m=(0.65, 0.0, 0.005))
    one = scene_of(ball(), *sides, replace(bottom, role="static"))
    assert "there is a grey bin;" in check(one)
    two = scene_of(ball(), *sides)
    assert "there is a grey bin number one and a grey bin number two;" in check(two)


def test_who_the_action_moves() -> None:
    pusher = block("pusher", shape="cylinder", size_m=(0.04, 0.08), role="actuated")
    channels = tuple(ActionChannel(f"velocity_{axis}", "m/s", 0.3) for axis in "xy")
    said = check(scene_of(pusher, actuator=Planar(), action_spec=ActionSpec(channels)))
    assert said.startswith("The action drives a blue pusher of eighty by eighty millimetres")
    camera = replace(pusher, name="camera", role="camera")
    turns = tuple(ActionChannel(name, "rad/s", 1.0) for name in ("yaw", "pitch", "dolly"))
    scene = scene_of(camera, ball(), actuator=Orbit(), action_spec=ActionSpec(turns))
    assert "the action moves the camera; " in check(scene)
