"""Pillow's polygons, one pixel row and one edge at a time: as they were until Pillow 11.0, and as they are since 11.2."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F = np.float32


class Edge(NamedTuple):
    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def upper(self) -> int:
        return min(self.y0, self.y1)

    @property
    def lower(self) -> int:
        return max(self.y0, self.y1)

    @property
    def lean(self) -> np.float32:
        return F(self.x1 - self.x0) / F(self.y1 - self.y0)

    def at(self, row: int) -> np.float32:
        return F(row - self.y0) * self.lean + F(self.x0)


def polygon(points: Sequence[tuple[float, float]], height: int, width: int, old: bool) -> NDArray[np.bool_]:
    """The pixels of a polygon; `old` is until 11.0."""
    corners = [(int(x), int(y)) for x, y in points]
    if corners[0] == corners[-1]:
        corners.pop()
        edges = [Edge(*a, *b) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)] if corners else []
    else:
        edges = [Edge(*a, *b) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)]
    mask = np.zeros((height, width), np.bool_)
    for edge in edges:
        if edge.y0 == edge.y1:
            run(mask, edge.y0, min(edge.x0, edge.x1), max(edge.x0, edge.x1))
    edges = [edge for edge in edges if edge.y0 != edge.y1]
    end = max((edge.lower for edge in edges), default=0)
    for row in range(height):
        found: list[np.float32] = []
        for number, edge in enumerate(edges):
            if edge.upper <= row <= edge.lower:
                found.append(edge.at(row))
                if row == edge.lower and row < end:
                    found.append(found[-1])
                elif row in (edge.upper, edge.lower) and edge.lean != 0:
                    (bend_old if old else bend_new)(found, edges, number, row, end)
        found.sort()
        for left, right in zip(found[::2], found[1::2], strict=False):
            run(mask, row, outward(left), inward(right))
    return mask


def bend_old(found: list[np.float32], edges: list[Edge], number: int, row: int, end: int) -> None:
    edge = edges[number]
    for other_number, other in enumerate(edges[:number]):
        same_end = (row == edge.upper and row == other.upper) or (row == edge.lower and row == other.lower)
        if not same_end or edge.lean * other.lean <= 0 or found[-1] != round(found[-1]) or found[-1] != other.at(row):
            continue
        beside = row - 1 if row == end else row + 1
        near, far = edge.at(beside), other.at(beside)
        if row == edge.lower:
            value = max(near, far) + F(1) if edge.lean > 0 else min(near, far) - F(1)
        else:
            value = min(near, far) if edge.lean > 0 else max(near, far) + F(1)
        if other_number < len(found):
            found[other_number] = value
        return


def bend_new(found: list[np.float32], edges: list[Edge], number: int, row: int, end: int) -> None:
    edge = edges[number]
    for other in edges[:number]:
        if row not in (other.upper, other.lower) or other.lean == 0 or nearest(found[-1]) != nearest(other.at(row)):
            continue
        beside = row - 1 if row == edge.lower else row + 1
        if other.upper <= beside <= other.lower:
            near, far = edge.at(beside), other.at(beside)
            if found[-1] > near + F(1) and found[-1] > far + F(1):
                found[-1] = F(nearest(max(near, far)) + 1)
            elif found[-1] < near - F(1) and found[-1] < far - F(1):
                found[-1] = F(nearest(min(near, far)) - 1)
            return


def nearest(value: np.float32) -> int:
    """Halves away from zero."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def outward(value: np.float32) -> int:
    return int(math.copysign(math.floor(abs(value) + F(0.5)), value))


def inward(value: np.float32) -> int:
    return int(math.copysign(math.ceil(abs(value) - F(0.5)), value))


def run(mask: NDArray[np.bool_], row: int, left: int, right: int) -> None:
    if 0 <= row < len(mask):
        mask[row, max(left, 0) : max(right + 1, 0)] = True
