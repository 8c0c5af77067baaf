"""Infers classes from the values of masks: ids, black and white, grays or colours, named by a list or a table of colours."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from segpipe.annotations.class_map import IGNORED
from segpipe.annotations.class_names import OBJECT, PLAUSIBLE, Classes, NameList, is_void
from segpipe.annotations.code_counts import CodeCounts, masks_by_code
from segpipe.annotations.detect.infer_classes import classes_from_ids
from segpipe.annotations.formats.masks import colour_table, stray_pixels
from segpipe.annotations.formats.masks.codes import (
    COLOUR_OFFSET,
    colour_code,
    colour_of,
    format_code,
    format_codes,
    is_evenly_spaced,
    parse_code,
)
from segpipe.annotations.formats.masks.colour_table import ColourTable
from segpipe.annotations.formats.masks.palettes import why_colours
from segpipe.errors import DataError
from segpipe.record import BACKGROUND, IGNORE

VOC_VOID = colour_code(224, 224, 192)
"""The colour that PASCAL VOC's masks have where nobody looks."""
BINARY = (BACKGROUND, OBJECT)


def classes_from_masks(mask_counts: Collection[CodeCounts], listed: NameList | None, table: ColourTable | None) -> Classes:
    """The classes, from what each mask holds, a list of names and a table of colours.

    The colours of palette masks count where they contradict the indices. Stray pixels are no classes: the doctor reports
    in which files they are.
    """
    why = why_colours(mask_counts, tuple(table.names) if table else (), only_by_look=listed is None)
    if not why:
        return _from_values(mask_counts, listed, table)
    classes = _from_values([each.as_shown() for each in mask_counts], listed, table)
    if any(not problem.warning for problem in classes.problems) and not table:
        return _from_values(mask_counts, listed, table)  # the colours are no classes either
    return replace(classes, palette="colours", origin=f"{classes.origin}; palettes by their colours, since {why}")


def _from_values(mask_counts: Collection[CodeCounts], listed: NameList | None, table: ColourTable | None) -> Classes:
    """The classes by the codes as they are, stray ones left out."""
    files = masks_by_code(mask_counts)
    classes = classes_from_codes(_by_text(files), listed, table)
    binary = stray_pixels.black_and_white(mask_counts)
    if binary and len(listed.names if listed else table.names if table else ()) <= len(BINARY):
        left_out: Sequence[int] = binary.stray_codes
    elif classes.problems or (classes.values == "codes" and not listed and not table):
        left_out = stray_pixels.few_pixels(mask_counts)
    else:
        left_out = ()
    if not left_out:
        return classes
    return classes_from_codes(_by_text({code: count for code, count in files.items() if code not in left_out}), listed, table)


def _by_text(files: Mapping[int, int]) -> dict[str, int]:
    return {format_code(code): count for code, count in files.items()}


def classes_from_codes(files: Mapping[str, int], listed: NameList | None, table: ColourTable | None) -> Classes:
    """The classes, from the number of masks that hold each value, a list of names and a table of colours.

    Numbers are believed to be ids where they are few and small. Else black and white become two classes, and up to
    `PLAUSIBLE` values a class each, those of a table by its names.
    """
    found = sorted(map(parse_code, files))
    if found and found[-1] >= COLOUR_OFFSET:
        return _from_colours(found, files, listed, table)
    if table and not listed:
        if set(found) <= table.names.keys() and max(found, default=0) >= len(table.names):
            return _from_table(found, table)
        listed = NameList(table.file, tuple(table.names.values()))
    plain = classes_from_ids(found, listed, is_voc=False)
    if listed and listed.blank:
        return plain  # nobody knows which name is whose
    is_doubtful = any(not problem.warning for problem in plain.problems)
    kept = found if is_evenly_spaced(found) else [code for code in found if code != IGNORE]
    n_names = len(listed.names) if listed else len(kept)
    if len(found) == 2 and found[0] == 0 and (is_doubtful or found[1] == IGNORE) and n_names <= 2:
        names = plain.names if listed else BINARY
        origin = listed.file if listed else f"black and white ({found[1]}) in the masks"
        return Classes(names, -1 if found[1] == IGNORE else IGNORE, origin, values="binary")
    from_one = len(kept) > 1 and kept == list(range(1, len(kept) + 1))
    if (is_doubtful or from_one) and 1 < len(kept) <= PLAUSIBLE and n_names == len(kept):
        names = listed.names if listed else _numbered(kept)
        origin = listed.file if listed else "the values found, since no classes.txt names them"
        return Classes(names, IGNORE, origin, values="codes", codes=tuple(kept))
    return plain


def _from_colours(found: Sequence[int], files: Mapping[str, int], listed: NameList | None, table: ColourTable | None) -> Classes:
    """A class each colour: black first, or the most frequent."""
    own = colour_table.of_lines(listed.file, listed.names) if listed else None
    table = own or table
    if table:
        return _from_table(found, table)
    first = 0 if 0 in found else max(found, key=lambda code: (files[format_code(code)], -code))
    # VOC's void comes last, and is ignored.
    ordered = [first, *(code for code in found if code not in (first, VOC_VOID)), *([VOC_VOID] if VOC_VOID in found else [])]
    names = _numbered(ordered)
    names = (*names[:-1], IGNORED) if VOC_VOID in found else names
    if not 2 <= len(ordered) <= PLAUSIBLE:
        return Classes(BINARY, IGNORE, "no list of names", (_not_classes(ordered),))
    if listed:
        what = f"names {len(listed.names)} classes, but not the colours that stand for them: {format_codes(ordered)}"
        remedy = "Write label_colors.txt beside it, a colour and a name a line, such as 64 128 64 animal."
        unsure = classes_from_ids((), listed, is_voc=False).names
        return Classes(unsure, IGNORE, listed.file, (DataError(listed.file, what, remedy),))
    codes = tuple(map(_format_colour, ordered))
    return Classes(names, IGNORE, "the colours found, since no label_colors.txt names them", values="codes", codes=codes)


def _not_classes(codes: Sequence[int]) -> DataError:
    if len(codes) < 2:
        return DataError("all masks", f"only the colour {format_code(codes[0])} in them", "Annotate objects.")
    what = f"{len(codes)} colours in them, which hardly are classes: {format_codes(codes)}"
    return DataError("all masks", what, "Save each class in one colour, without smoothing, as PNG.")


def _from_table(found: Sequence[int], table: ColourTable) -> Classes:
    """The table's classes in its order; its first name that means "no class" is ignored."""
    void = next(filter(is_void, table.names.values()), None)
    names = tuple(IGNORED if name == void else name for name in table.names.values())
    missing = [code for code in found if code not in table.names]
    what = f"does not name the colours {format_codes(missing)} of the masks"
    problems = [DataError(table.file, what, "Add a line for each, or correct the masks.")] if missing else []
    return Classes(names, -1, table.file, tuple(problems), "codes", tuple(map(_format_colour, table.names)))


def _numbered(codes: Sequence[int]) -> tuple[str, ...]:
    """Background where there is black, and class_N."""
    first = BACKGROUND if codes[0] == 0 else "class_1"
    start = 1 if codes[0] == 0 else 2
    return (first, *(f"class_{number}" for number in range(start, start + len(codes) - 1)))


def _format_colour(code: int) -> str:
    """A code among colours."""
    return " ".join(map(str, colour_of(code))) if code >= COLOUR_OFFSET or code < 256 else str(code)
