"""The pages around the journeys: attract and home, 我的待办, a line's services, the end of a visit."""

from __future__ import annotations

from kiosk.lobby.bundles import BUNDLE, BUNDLES, PART, bundle_page, bundles_page, first_wanted, optional
from kiosk.lobby.home import home_page
from kiosk.lobby.line import line_page
from kiosk.lobby.offers import tile
from kiosk.lobby.resume import RESUME, can_go_on, code_page, left_by_code, resume_page
from kiosk.lobby.todo import ASKING, Due, todo_page, what_is_due

__all__ = [
    "ASKING",
    "BUNDLE",
    "BUNDLES",
    "PART",
    "RESUME",
    "Due",
    "bundle_page",
    "bundles_page",
    "can_go_on",
    "code_page",
    "first_wanted",
    "home_page",
    "left_by_code",
    "line_page",
    "optional",
    "resume_page",
    "tile",
    "todo_page",
    "what_is_due",
]
