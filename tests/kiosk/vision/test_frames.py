"""Preview pictures through shared memory: whole, newest, and gone when told."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from kiosk.vision.frames import HEADER_BYTES, FrameReader, FrameSegment, FrameWriter


@pytest.fixture
def segment():
    made = FrameSegment()
    yield made
    made.close()


def test_nothing_before_the_first_picture(segment):
    assert FrameReader(segment.name).latest() is None


def test_newest_picture_is_mirrored_and_numbered(segment):
    writer, reader = FrameWriter(segment.fd), FrameReader(segment.name)
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, :10] = 200
    writer.write(picture, mirror=False)
    writer.write(picture, mirror=True)
    number, shown = reader.latest()
    assert number == 2
    assert np.array_equal(shown, picture[:, ::-1])


@pytest.mark.parametrize("size", [(720, 1280), (600, 600), (240, 320)])
def test_any_size_fills_the_preview(segment, size):
    writer, reader = FrameWriter(segment.fd), FrameReader(segment.name)
    writer.write(np.full((*size, 3), 77, np.uint8), mirror=True)
    assert (reader.latest()[1] == 77).all()


def test_cleared_picture_is_overwritten(segment):
    writer, reader = FrameWriter(segment.fd), FrameReader(segment.name)
    writer.write(np.full((480, 640, 3), 9, np.uint8), mirror=False)
    writer.clear()
    assert reader.latest() is None
    with open(segment.name, "rb") as memory:
        memory.seek(HEADER_BYTES)
        assert not any(memory.read())
    writer.write(np.full((480, 640, 3), 8, np.uint8), mirror=False)
    assert reader.latest()[0] > 1


def test_reader_never_gets_half_a_picture(segment):
    writer, reader = FrameWriter(segment.fd), FrameReader(segment.name)
    over = threading.Event()

    def write():
        value = 0
        while not over.is_set():
            value = (value + 1) % 250
            writer.write(np.full((480, 640, 3), value, np.uint8), mirror=False)

    thread = threading.Thread(target=write)
    thread.start()
    whole = set()
    while len(whole) < 60:
        if taken := reader.latest():
            whole.add((taken[0], int(taken[1].min()) == int(taken[1].max())))
    over.set()
    thread.join()
    assert all(is_whole for _, is_whole in whole)
