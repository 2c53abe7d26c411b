"""The panel at hand: where the upright page lies on it, what a pixel of the page measures, and whether that will do."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, hypot

from screens import theme

_MM_PER_IN = 25.4
# What one key of ten in a row needs is what the whole page needs: everything else grows with the type.
LEAST_PITCH_MM = theme.TOUCH_MM / theme.KEY_PX


@dataclass(frozen=True)
class Glass:
    """A panel: its pixels, its diagonal, and how far its lower edge is above the floor."""

    width_px: int
    height_px: int
    diagonal_in: float
    bottom_height_mm: float

    @property
    def scale(self) -> float:
        """Pixels of the panel per pixel of the page: the page is shown whole, in its own proportions."""
        return min(self.width_px / theme.WIDTH, self.height_px / theme.HEIGHT)

    @property
    def pitch_mm(self) -> float:
        """Millimetres per pixel of the page."""
        return self._panel_pitch_mm * self.scale

    @property
    def page_diagonal_in(self) -> float:
        """The page's own diagonal: smaller than the panel's where that is not 9 : 16."""
        return self.pitch_mm * hypot(theme.WIDTH, theme.HEIGHT) / _MM_PER_IN

    @property
    def page_bottom_mm(self) -> float:
        """How far above the floor the page begins."""
        return self.bottom_height_mm + (self.height_px - theme.HEIGHT * self.scale) / 2 * self._panel_pitch_mm

    @property
    def problem(self) -> str:
        """Why people could not read or hit what would be shown here, and which key to mend; "" when they can."""
        if min(self.width_px, self.height_px) < 1 or self.diagonal_in <= 0:
            return "[screen] width_px, height_px, diagonal_in: not a panel; write its pixels and its diagonal in inches"
        if self.pitch_mm >= LEAST_PITCH_MM:
            return ""
        key_mm = theme.KEY_PX * self.pitch_mm
        size = f"{self.width_px} x {self.height_px} px, {self.diagonal_in:g} in"
        small = f"keys of {key_mm:.1f} mm on this panel ({size}), {theme.TOUCH_MM:g} mm are needed"
        if self.width_px > self.height_px:
            fix = "turn the panel upright (xrandr --rotate) and write its width and height anew"
            return f"[screen] width_px, height_px: the upright page is too narrow in landscape: {small}; {fix}"
        least_in = ceil(self.diagonal_in * LEAST_PITCH_MM / self.pitch_mm * 10) / 10
        return f"[screen] diagonal_in: too small: {small}; measure it again or use a panel of {least_in:g} in"

    @property
    def _panel_pitch_mm(self) -> float:
        return self.diagonal_in * _MM_PER_IN / hypot(self.width_px, self.height_px)
