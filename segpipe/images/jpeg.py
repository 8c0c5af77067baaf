"""Whether a JPEG is whole, told from its markers: what OpenCV, which decodes it faster than Pillow, does not say."""

import re

SINGLE_FRAMES, FRAMES = (0xC0, 0xC1), (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
"""Markers of frames whose data come in one scan as a rule, and of all frames."""
SCAN, END = 0xDA, b"\xff\xd9"
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""In a scan's data a byte 255 is followed by 0 or by a restart; anything else ends them."""


def is_whole(content: bytes) -> bool:
    """Whether it is a JPEG of one scan that has its end. False for progressive ones too, whose end proves less.

    What ends the scan's data must be END. A file that was cut off has none, and one with a changed byte may have another
    marker there.
    """
    at, components = 2, 0  # behind the marker that starts the file
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if marker in FRAMES:
            if marker not in SINGLE_FRAMES or at + 9 >= len(content):
                return False
            components = content[at + 9]
        if marker == SCAN:
            ending = MARKER.search(content, at + 2 + length)
            # A scan of fewer components than the frame is one of several, of which any may be missing.
            return content[at + 4 : at + 5] == bytes([components]) and ending is not None and ending[0] == END
        at += 2 + length
    return False
