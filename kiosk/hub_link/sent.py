"""What went by file and waits for its receipt, ordered by when it is to be sent anew."""

from __future__ import annotations

from heapq import heapify, heappop, heappush


class SentByFile:
    """Numbers with the monotonic second at which each is due again."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def add(self, seq: int, at: float) -> None:
        self._due[seq] = at
        heappush(self._heap, (at, seq))

    def __contains__(self, seq: int) -> bool:
        """Whether it waits."""
        return seq in self._due

    def drop(self, seq: int) -> None:
        """Forgets one."""
        self._due.pop(seq, None)

    def all_due(self, at: float) -> None:
        """Everything that waits is due at ``at``, by number."""
        self._due = dict.fromkeys(self._due, at)
        self._heap = [(at, seq) for seq in self._due]
        heapify(self._heap)

    def due(self, now: float) -> int | None:
        """The next number whose time has come; it waits on until it is dropped."""
        return self._heap[0][1] if self.due_in_s(now) == 0 else None

    def due_in_s(self, now: float) -> float | None:
        """Seconds until the next is due, 0 when one is; None when none waits."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return max(0.0, self._heap[0][0] - now) if self._heap else None
