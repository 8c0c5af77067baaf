"""Whether the indices or the colours of palette masks are the classes: the colours, where the indices cannot be."""

from collections.abc import Collection, Sequence

from segpipe.annotations.code_counts import CodeCounts, pixels_by_code
from segpipe.annotations.formats.masks.stray_pixels import BESIDE_WHITE

BLACK, WHITE = 0, 255


def why_colours(mask_counts: Collection[CodeCounts], named: Sequence[int], only_by_look: bool) -> str:
    """Why the colours of palette masks (and of gray below 8 bits) count and not their indices; empty where indices do.

    `named` are the codes of a table of colours in its order. `only_by_look` says that nothing else names the classes, so
    that black is background wherever its index is.
    """
    own = [each for each in mask_counts if each.shown]
    if any(len(set(each.shown)) < len(each.shown) for each in own):
        return ""  # some classes have one colour: only the indices distinguish them
    pairs = {pair for each in own for pair in zip(each.codes, each.shown, strict=True)}
    indices, colours = {index for index, _ in pairs}, {colour for _, colour in pairs}
    plain = _common([each for each in mask_counts if not each.shown])
    if len(indices) < len(pairs):
        return "their palettes differ from file to file"
    if named and colours <= set(named) and any(named.index(colour) != index for index, colour in pairs):
        return "a table beside them names these colours in another order"
    if _black_is_elsewhere(pairs) and (only_by_look or colours <= {BLACK, WHITE}):
        return "black is not the first colour of their palette"
    if colours & plain - {BLACK} and not indices <= plain:
        return "other masks hold the same colours without a palette"
    return ""


def _common(mask_counts: Collection[CodeCounts]) -> set[int]:
    """The codes of more than stray pixels."""
    pixels = pixels_by_code(mask_counts)
    objects = sum(count for code, count in pixels.items() if code)
    return {code for code, count in pixels.items() if BESIDE_WHITE * count > objects}


def _black_is_elsewhere(pairs: Collection[tuple[int, int]]) -> bool:
    """Whether black has an index above 0, and index 0 another colour or no pixel."""
    return (0, BLACK) not in pairs and any(colour == BLACK for _, colour in pairs)
