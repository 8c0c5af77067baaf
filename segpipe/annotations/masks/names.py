"""Classes of what masks hold: ids, black and white, grays or colours, named by a list or a table of colours beside them."""

from collections.abc import Mapping, Sequence

from segpipe.annotations.class_map import IGNORED
from segpipe.annotations.first_look.class_names import OBJECT, PLAUSIBLE, VOID, Classes, NameList, of_ids
from segpipe.annotations.masks import colour_table
from segpipe.annotations.masks.codes import COLOUR, code_of, colour_code, colour_of, is_even, some, told
from segpipe.annotations.masks.colour_table import ColourTable
from segpipe.errors import DataError
from segpipe.record import BACKGROUND_NAMES, IGNORE

VOC_VOID = colour_code(224, 224, 192)
"""The colour that PASCAL VOC's masks have where nobody looks."""
BINARY = (BACKGROUND_NAMES[0], OBJECT)


def of_codes(files: Mapping[str, int], listed: NameList | None, table: ColourTable | None) -> Classes:
    """The classes, from the number of masks that hold each value, a list of names and a table of colours.

    Numbers are believed to be ids where they are few and small. Else black and white become two classes, and up to
    `PLAUSIBLE` values a class each, those of a table by its names.
    """
    found = sorted(map(code_of, files))
    if found and found[-1] >= COLOUR:
        return _of_colours(found, files, listed, table)
    if table and not listed:
        if set(found) <= table.names.keys() and max(found, default=0) >= len(table.names):
            return _of_table(found, table)
        listed = NameList(table.file, tuple(table.names.values()))
    plain = of_ids(found, listed, is_voc=False)
    kept = found if is_even(found) else [code for code in found if code != IGNORE]
    n_names = len(listed.names) if listed else len(kept)
    if len(found) == 2 and found[0] == 0 and (plain.problems or found[1] == IGNORE) and n_names <= 2:
        names = plain.names if listed else BINARY
        origin = listed.file if listed else f"black and white ({found[1]}) in the masks"
        return Classes(names, IGNORE, origin, values="binary")
    from_one = len(kept) > 1 and kept == list(range(1, len(kept) + 1))
    if (plain.problems or from_one) and 1 < len(kept) <= PLAUSIBLE and n_names == len(kept):
        names = listed.names if listed else _numbered(kept)
        origin = listed.file if listed else "the values found, since no classes.txt names them"
        return Classes(names, IGNORE, origin, values="codes", codes=tuple(kept))
    return plain


def _of_colours(found: Sequence[int], files: Mapping[str, int], listed: NameList | None, table: ColourTable | None) -> Classes:
    """A class each colour: black first, or the most frequent."""
    own = colour_table.of_lines(listed.file, listed.names) if listed else None
    table = own or table
    if table:
        return _of_table(found, table)
    first = 0 if 0 in found else max(found, key=lambda code: (files[told(code)], -code))
    ordered = [first, *(code for code in found if code not in (first, VOC_VOID)), *([VOC_VOID] if VOC_VOID in found else [])]
    names = _numbered(ordered)
    names = (*names[:-1], IGNORED) if VOC_VOID in found else names
    if not 2 <= len(ordered) <= PLAUSIBLE:
        return Classes(BINARY, IGNORE, "no list of names", (_not_classes(ordered),))
    if listed:
        what = f"names {len(listed.names)} classes, but not the colours that stand for them: {some(ordered)}"
        remedy = "Write label_colors.txt beside it, a colour and a name a line, such as 64 128 64 animal."
        unsure = of_ids((), listed, is_voc=False).names
        return Classes(unsure, IGNORE, listed.file, (DataError(listed.file, what, remedy),))
    codes = tuple(map(_written, ordered))
    return Classes(names, IGNORE, "the colours found, since no label_colors.txt names them", values="codes", codes=codes)


def _not_classes(codes: Sequence[int]) -> DataError:
    if len(codes) < 2:
        return DataError("all masks", f"only the colour {told(codes[0])} in them", "Annotate objects.")
    what = f"{len(codes)} colours in them, which hardly are classes: {some(codes)}"
    return DataError("all masks", what, "Save each class in one colour, without smoothing, as PNG.")


def _of_table(found: Sequence[int], table: ColourTable) -> Classes:
    """The table's classes in its order; its first name that means "no class" is ignored."""
    void = next((name for name in table.names.values() if name.lower() in VOID), None)
    names = tuple(IGNORED if name == void else name for name in table.names.values())
    missing = [code for code in found if code not in table.names]
    what = f"does not name the colours {some(missing)} of the masks"
    problems = [DataError(table.file, what, "Add a line for each, or correct the masks.")] if missing else []
    return Classes(names, -1, table.file, tuple(problems), "codes", tuple(map(_written, table.names)))


def _numbered(codes: Sequence[int]) -> tuple[str, ...]:
    """Background where there is black, and class_N."""
    first = BACKGROUND_NAMES[0] if codes[0] == 0 else "class_1"
    start = 1 if codes[0] == 0 else 2
    return (first, *(f"class_{number}" for number in range(start, start + len(codes) - 1)))


def _written(code: int) -> str:
    """A code among colours."""
    return " ".join(map(str, colour_of(code))) if code >= COLOUR or code < 256 else str(code)
