"""What a synthetic person looks like, drawn from a seed. No real person stands behind any of these numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Colour = tuple[float, float, float]
"""Blue, green, red; 0..255."""

_SKINS: tuple[Colour, ...] = (
    (178, 205, 238), (160, 190, 228), (146, 178, 218), (132, 166, 208), (122, 154, 200), (108, 142, 190),
)  # fmt: skip
_HAIRS: tuple[Colour, ...] = ((20, 20, 24), (24, 26, 32), (24, 32, 44), (28, 40, 60))
_CLOTHES: tuple[Colour, ...] = (
    (92, 60, 40), (70, 84, 46), (58, 52, 128), (120, 104, 92), (64, 64, 70), (140, 120, 60), (96, 72, 104),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FaceSpec:
    """Who the puppet is. ``sex`` is "male" or "female"; ``age`` in years shows in hair, lines and lids."""

    seed: int
    sex: Literal["male", "female"] = "female"
    age: int = 35


@dataclass(frozen=True, slots=True)
class Traits:
    """Shape factors are -1..1 around the average face; colours are BGR."""

    skin: Colour
    hair: Colour
    clothes: Colour
    iris: Colour
    lips: Colour
    jaw: float
    chin: float
    length: float
    cheek: float
    brow_height: float
    brow_thick: float
    brow_slope: float
    eye_size: float
    eye_gap: float
    eye_tilt: float
    eye_open: float
    nose_wide: float
    nose_long: float
    nose_deep: float
    mouth_wide: float
    lip_full: float
    mouth_low: float
    skew: float
    hair_style: str
    fringe: float
    glasses: str
    beard: str
    moles: tuple[tuple[float, float], ...]
    lines: float
    freckles: float


_STYLES = {
    "female": ("bob", "long", "bun", "bob_fringe", "long_fringe", "short"),
    "male": ("crew", "side", "short", "high", "fringe_short"),
}


def traits(spec: FaceSpec) -> Traits:
    """The look that belongs to ``spec``; the same spec always gives the same look."""
    draw = np.random.default_rng(spec.seed * 7919 + (1 if spec.sex == "male" else 0))

    def factor() -> float:
        # Away from the middle on purpose: average faces look alike to a recogniser.
        return float(draw.choice((-1.0, 1.0)) * draw.uniform(0.6, 1.25))

    skin = _tinted(_SKINS[int(draw.integers(len(_SKINS)))], draw, 5)
    grey = float(np.clip((spec.age - 42) / 30, 0, 1))
    hair = _mixed(_HAIRS[int(draw.integers(len(_HAIRS)))], (188, 190, 190), grey * float(draw.uniform(0.6, 1.0)))
    bluish, greenish, reddish = (0.74, 0.72, 0.87) if spec.sex == "male" else (0.68, 0.62, 0.9)
    styles = _STYLES[spec.sex] if spec.age < 62 or spec.sex == "female" else ("side", "crew", "receding")
    male_old = spec.sex == "male" and spec.age > 25
    return Traits(
        skin=skin,
        hair=hair,
        clothes=_tinted(_CLOTHES[int(draw.integers(len(_CLOTHES)))], draw, 10),
        iris=_mixed((18, 30, 46), (30, 62, 96), float(draw.uniform(0, 1))),
        lips=(skin[0] * bluish, skin[1] * greenish, skin[2] * reddish),
        jaw=factor() + (0.25 if spec.sex == "male" else -0.25),
        chin=factor(),
        length=factor(),
        cheek=factor(),
        brow_height=factor(),
        brow_thick=factor() + (0.35 if spec.sex == "male" else -0.25),
        brow_slope=0.55 * factor() + 0.4,
        eye_size=factor(),
        eye_gap=factor(),
        eye_tilt=factor(),
        eye_open=factor() - grey * 0.3,
        nose_wide=factor(),
        nose_long=factor(),
        nose_deep=factor(),
        mouth_wide=factor(),
        lip_full=factor() - grey * 0.3,
        mouth_low=factor(),
        skew=factor(),
        hair_style=str(draw.choice(styles)),
        fringe=float(draw.uniform(0, 1)),
        glasses=str(draw.choice(("", "", "round", "square"))),
        beard=str(draw.choice(("", "", "stubble", "moustache", "goatee"))) if male_old else "",
        moles=tuple((float(draw.uniform(0.25, 0.75)), float(draw.uniform(0.35, 0.8))) for _ in range(draw.integers(3))),
        lines=float(np.clip((spec.age - 32) / 36, 0, 1)),
        freckles=float(draw.choice((0.0, 0.0, 0.0, 1.0))),
    )


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    blue, green, red = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return blue, green, red


def _tinted(colour: Colour, draw: np.random.Generator, spread: float) -> Colour:
    blue, green, red = (float(np.clip(c + draw.normal(0, spread), 0, 255)) for c in colour)
    return blue, green, red
