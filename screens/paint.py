"""Surfaces made once with Pillow: rounded and shadowed nine-patches, gradients. Shapes only, nothing of a person."""

from __future__ import annotations

from functools import cache

from kivy.graphics.texture import Texture
from PIL import Image, ImageDraw, ImageFilter

_OVER = 4  # drawn four times larger, then reduced: smooth edges without multisampling
SHADOW = 36  # how far a card's shadow reaches beyond the card, px


@cache
def rounded(radius: int) -> Texture:
    """A white rounded square of ``2 * radius + 2`` px: the nine-patch of flat shapes, tinted where it is used."""
    side = 2 * radius + 2
    big = Image.new("L", (side * _OVER, side * _OVER), 0)
    ImageDraw.Draw(big).rounded_rectangle((0, 0, side * _OVER - 1, side * _OVER - 1), radius * _OVER, fill=255)
    return _white(big.resize((side, side), Image.Resampling.LANCZOS))


@cache
def outline(radius: int, width: int) -> Texture:
    """A white rounded frame, ``width`` px thick, as a nine-patch."""
    side = 2 * radius + 2
    big = Image.new("L", (side * _OVER, side * _OVER), 0)
    ImageDraw.Draw(big).rounded_rectangle(
        (0, 0, side * _OVER - 1, side * _OVER - 1), radius * _OVER, outline=255, width=width * _OVER
    )
    return _white(big.resize((side, side), Image.Resampling.LANCZOS))


@cache
def corners(radius: int) -> Texture:
    """What lies outside a rounded square, as a nine-patch: laid over a picture it rounds its corners."""
    side = 2 * radius + 2
    big = Image.new("L", (side * _OVER, side * _OVER), 255)
    ImageDraw.Draw(big).rounded_rectangle((0, 0, side * _OVER - 1, side * _OVER - 1), radius * _OVER, fill=0)
    return _white(big.resize((side, side), Image.Resampling.LANCZOS))


@cache
def shadow(radius: int) -> Texture:
    """A soft navy shadow with ``SHADOW`` px around, as a nine-patch of borders ``SHADOW + radius``."""
    side = 2 * (radius + SHADOW) + 2
    alpha = Image.new("L", (side, side), 0)
    ImageDraw.Draw(alpha).rounded_rectangle((SHADOW, SHADOW + 6, side - SHADOW, side - SHADOW + 6), radius, fill=46)
    alpha = alpha.filter(ImageFilter.GaussianBlur(11))
    image = Image.new("RGBA", (side, side), (16, 42, 92, 0))
    image.putalpha(alpha)
    return texture(image)


@cache
def gradient(top: str, bottom: str) -> Texture:
    """A vertical gradient, 1 x 64."""
    one = Image.linear_gradient("L").resize((1, 64))
    blend = Image.composite(Image.new("RGB", (1, 64), bottom), Image.new("RGB", (1, 64), top), one)
    return texture(blend.convert("RGBA"))


@cache
def header(width: int, height: int, top: str, bottom: str, radii: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Texture:
    """A gradient with large pale circles; ``radii`` round the corners, clockwise from the top left."""
    ramp = Image.linear_gradient("L").resize((width, height))
    image = Image.composite(Image.new("RGB", ramp.size, bottom), Image.new("RGB", ramp.size, top), ramp).convert("RGBA")
    circles = Image.new("L", (width * 2, height * 2), 0)
    draw = ImageDraw.Draw(circles)
    reach = int(min(width, height) * 1.7)
    draw.ellipse((width * 2 - reach, height * 2 - reach, width * 2 + reach // 2, height * 2 + reach // 2), fill=16)
    if width > 800:
        draw.ellipse((-reach // 3, height, reach // 2, height + reach), fill=12)
    circles = circles.reduce(2)
    image = Image.composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image, circles)
    if any(radii):
        image.putalpha(_corners(width, height, radii))
    return texture(image)


def texture(image: Image.Image) -> Texture:
    """``image`` (RGBA) on the graphics side, smooth when scaled."""
    flipped = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    made = Texture.create(size=image.size, colorfmt="rgba")
    made.mag_filter = made.min_filter = "linear"
    made.blit_buffer(flipped.tobytes(), colorfmt="rgba", bufferfmt="ubyte")
    return made


def _white(alpha: Image.Image) -> Texture:
    image = Image.new("RGBA", alpha.size, (255, 255, 255, 255))
    image.putalpha(alpha)
    return texture(image)


def _corners(width: int, height: int, radii: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", (width * _OVER, height * _OVER), 0)
    draw = ImageDraw.Draw(mask)
    corners = (radii[0] > 0, radii[1] > 0, radii[2] > 0, radii[3] > 0)
    draw.rounded_rectangle((0, 0, width * _OVER - 1, height * _OVER - 1), max(radii) * _OVER, fill=255, corners=corners)
    return mask.resize((width, height), Image.Resampling.LANCZOS)
