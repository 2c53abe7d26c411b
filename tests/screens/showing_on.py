"""A child process with a window of another size: ``python -m tests.screens.showing_on WIDTH HEIGHT INCHES PNG``."""

from __future__ import annotations

import sys

from tests.screens.harness import KivyPresenter, frames, showing  # isort: skip - chooses SDL's driver

import trio

from tests.screens.gallery import Portrait, pages


async def main(width: int, height: int, inches: float, path: str) -> None:
    presenter = KivyPresenter(
        width_px=width, height_px=height, diagonal_in=inches, open_frames=lambda _name: Portrait()
    )
    async with showing(presenter, pages()["review"]) as shown:
        await frames(4)
        presenter.screenshot(path)
        await shown.tap_after_a_moment("下一步")
        assert shown.answer is not None, "touches must meet what is drawn"


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
