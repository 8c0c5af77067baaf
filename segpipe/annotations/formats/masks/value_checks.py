"""Checks the values of all masks together: the likely cause of what is wrong, and the lines of params.yaml that mend it."""

from collections.abc import Callable, Sequence

from segpipe.annotations.code_counts import pixels_by_code
from segpipe.annotations.formats.masks import stray_pixels
from segpipe.annotations.formats.masks.codes import COLOUR_OFFSET, format_code, format_codes, is_evenly_spaced
from segpipe.annotations.formats.masks.evidence import Evidence, as_colour
from segpipe.annotations.formats.masks.ids import Coding
from segpipe.annotations.formats.masks.palettes import BLACK, WHITE, why_colours
from segpipe.annotations.formats.masks.stray_pixels import PLAUSIBLE_IDS
from segpipe.annotations.items import AnnotationSummary
from segpipe.errors import DataError, Fix
from segpipe.record import BACKGROUND, IGNORE, is_background

PLAUSIBLE = 64
"""More different values than this are not proposed as classes: somebody has to say what they are."""
SHARED = 16
"""More colours than this are believed only where some of them are in several masks: a photo has its own."""
IN_ONE_MASK = 0.9
"""Share of what is not the first class that may be ignored in a single mask: around small objects much is."""
OBJECTS = "They look like numbers of single objects. Save each pixel as the number of its class."


def check_values(
    summaries: Sequence[AnnotationSummary], coding: Coding, names: Sequence[str], max_ignored: float, section: str = "data.masks"
) -> list[DataError]:
    """The first cause that explains what is wrong, for each mask concerned; else warnings.

    `max_ignored` is the share of what is not the first class that may have the ignored value.
    """
    mask_counts = {each.item.annotation_name: each.code_counts for each in summaries if each.code_counts}
    evidence = Evidence(mask_counts, coding, tuple(names), section, has_value_keys=section == "data.masks")
    for cause in CAUSES:
        problems = cause(evidence)
        if problems:
            return problems
    return [*_too_much_ignored(evidence, max_ignored), *_unused_ignore_value(evidence), *_single_valued(evidence)]


def _palette_indices(all_masks: Evidence) -> list[DataError]:
    """Palettes by whose indices the masks cannot be read."""
    own = {name: code_counts for name, code_counts in all_masks.mask_counts.items() if code_counts.shown}
    why = "" if all_masks.coding.by_colour else why_colours(all_masks.mask_counts.values(), (), only_by_look=False)
    if not why:
        return []
    found = sorted(pixels_by_code(code_counts.as_shown() for code_counts in all_masks.mask_counts.values()))
    what = f"read by the indices of a palette, but {why}"
    if len(found) > PLAUSIBLE:
        return all_masks.problems_for(what, "Save all masks with one palette, or as gray class ids.", (), list(own))
    fixes = [Fix(f"{all_masks.section}.palette", "colours")]
    if found == [BLACK, WHITE]:
        fixes.append(Fix(f"{all_masks.section}.values", "binary"))
    elif all_masks.coding.kind != "codes":
        fixes += all_masks.listing(found)
    return all_masks.problems_for(what, "Let the colours count, or save them as gray class ids.", fixes, list(own))


def _stray_pixels(all_masks: Evidence) -> list[DataError]:
    """Black and white but for a few pixels, which would decide what black and white mean."""
    found = stray_pixels.black_and_white(all_masks.mask_counts.values())
    coding = all_masks.coding
    is_class = found is not None and coding.kind != "binary" and coding.targets.get(found.white, IGNORE) != IGNORE
    if found is None or not found.stray_codes or is_class or coding.kind == "codes" or len(all_masks.names) > 2:
        return []
    counts = pixels_by_code(all_masks.mask_counts.values())
    number = sum(counts[code] for code in found.stray_codes)
    what = (
        f"{_counted(number)} of {format_codes(found.stray_codes)}, where nearly all others are 0 and {format_code(found.white)}"
    )
    holders = [name for name, codes in all_masks.masks.items() if set(codes) & set(found.stray_codes)]
    remedy = f"Correct them to 0 or {format_code(found.white)}, or let them be ignored."
    names = dict(zip((0, found.white), all_masks.names, strict=True))
    return all_masks.problems_for(what, remedy, all_masks.ignoring(found.stray_codes, names), holders)


def _colours(all_masks: Evidence) -> list[DataError]:
    """Colours where numbers were expected."""
    if all_masks.coding.kind != "ids" or not any(code >= COLOUR_OFFSET for code in all_masks.all_unknown):
        return []
    found = all_masks.found
    what = f"{len(found)} colours and not class ids: {format_codes(found)}"
    if len(found) > PLAUSIBLE or (len(found) > SHARED and all_masks.no_shared_colour):
        return all_masks.problems_for(what, "These hardly are classes. Save each pixel as the number of its class.")
    return all_masks.problems_for(what, all_masks.how_to_list("colour", len(found)), all_masks.listing(found))


def _black_and_white(all_masks: Evidence) -> list[DataError]:
    """0 and one other value that is no class: a picture in black and white."""
    found = all_masks.found
    if all_masks.coding.kind != "ids" or len(found) != 2 or found[0] != 0 or found[1] in all_masks.coding.targets:
        return []
    what = f"only the values 0 and {format_code(found[1])}, as in a picture in black and white"
    names = Fix(f"{all_masks.section}.classes", ("background", "object")) if len(all_masks.names) != 2 else None
    fixes = [Fix(f"{all_masks.section}.values", "binary"), *([names] if names else [])]
    remedy = "Read them as background and object."
    holders = [name for name, codes in all_masks.masks.items() if found[1] in codes]
    return all_masks.problems_for(what, remedy, fixes, holders)


def _other_ignore_value(all_masks: Evidence) -> list[DataError]:
    """One value far above the classes, where the ignored one occurs nowhere: the ignored one has another number."""
    coding, unknown = all_masks.coding, all_masks.all_unknown
    used = {code for codes in all_masks.masks.values() for code in codes}
    if len(unknown) != 1 or coding.kind == "binary" or coding.ignored in used:
        return []
    far_above = max(2 * len(all_masks.names), PLAUSIBLE_IDS) < unknown[0] < COLOUR_OFFSET
    if unknown[0] not in (255, 65535) and not (coding.kind == "ids" and far_above):
        return []
    what = f"the value {format_code(unknown[0])}, which is no class, while {coding.ignored}, the ignored one, is in no mask"
    remedy = "If it means that a pixel is not looked at, say so."
    return all_masks.problems_for(what, remedy, [Fix(f"{all_masks.section}.ignore_index", unknown[0])])


def _counted_from_one(all_masks: Evidence) -> list[DataError]:
    """1 .. N for N classes, and no 0."""
    n_names = len(all_masks.names)
    if all_masks.coding.kind != "ids" or all_masks.all_unknown != [n_names] or 0 in all_masks.found:
        return []
    what = f"the values 1 to {n_names} for the classes 0 to {n_names - 1}: they count from 1"
    return all_masks.problems_for(what, "Say that the first class is 1.", all_masks.listing(range(1, n_names + 1)))


def _more_ids_than_names(all_masks: Evidence) -> list[DataError]:
    """A few more ids than names."""
    unknown, found = all_masks.all_unknown, all_masks.found
    if all_masks.coding.kind != "ids" or not unknown or max(unknown) >= PLAUSIBLE:
        return []
    if max(unknown) > PLAUSIBLE_IDS and 2 * len(found) <= max(unknown):
        return []
    n_names = len(all_masks.names)
    what = f"values that are no class: {format_codes(unknown)}. {all_masks.section}.classes names 0 to {n_names - 1}"
    if unknown == [n_names] and 0 in found and not any(map(is_background, all_masks.names)):
        remedy = "None of its names is background: if they are those of the objects, write background before them."
        return all_masks.problems_for(what, remedy, [Fix(f"{all_masks.section}.classes", (BACKGROUND, *all_masks.names))])
    remedy = f"Name every class, or let {all_masks.section}.ignore_index be the value that is not looked at."
    return all_masks.problems_for(
        what, remedy if all_masks.has_value_keys else "Name every class.", all_masks.named(max(unknown) + 1)
    )


def _far_apart(all_masks: Evidence) -> list[DataError]:
    """Few values far apart: ids that were spread over black to white, or grays that stand for classes."""
    unknown = all_masks.all_unknown
    if all_masks.coding.kind != "ids" or not unknown:
        return []
    every = sorted({code for codes in all_masks.masks.values() for code in codes})
    kept = every if is_evenly_spaced(every) else all_masks.found
    if len(kept) > PLAUSIBLE:
        what = f"{len(unknown)} values that are no class: {format_codes(unknown)}"
        return all_masks.problems_for(what, OBJECTS)
    spacing = "evenly spaced: class ids stretched to be visible" if is_evenly_spaced(kept) else "far apart"
    what = f"the values {format_codes(kept)}, {spacing}"
    return all_masks.problems_for(what, all_masks.how_to_list("value", len(kept)), all_masks.listing(kept))


def _counted(number: int) -> str:
    return "1 stray pixel" if number == 1 else f"{number} stray pixels in all"


def _rare_values(all_masks: Evidence) -> list[DataError]:
    """Values that are no class, in a few pixels of a few masks."""
    unknown, n_names = all_masks.all_unknown, len(all_masks.names)
    if all_masks.coding.kind == "binary" or not unknown or unknown == [n_names]:
        return []
    mask_counts = all_masks.mask_counts.values()
    binary = stray_pixels.black_and_white(mask_counts)
    few = binary.stray_codes if binary else stray_pixels.few_pixels(mask_counts, above=0)
    if not set(unknown) <= set(few):
        return []
    counts = pixels_by_code(mask_counts)
    number = sum(counts[code] for code in unknown)
    what = f"{_counted(number)} of {format_codes(unknown)}, where no class is"
    return all_masks.problems_for(
        what, "Correct them, or let them be ignored.", all_masks.ignoring(unknown, all_masks.named_codes)
    )


def _several_object_values(all_masks: Evidence) -> list[DataError]:
    """Under `binary`: more than one value beside 0, in one mask or from mask to mask."""
    coding = all_masks.coding
    if coding.kind != "binary":
        return []
    own = {name: coding.object_in(codes) for name, codes in all_masks.masks.items()}
    different = {code for code in own.values() if code > 0}
    if not all_masks.unknown and (len(different) < 2 or different <= {1, 255, 65535} - {coding.ignored}):
        return []  # 0/1 masks and 0/255 masks of one object are often mixed
    found = sorted({code for codes in all_masks.masks.values() for code in codes})
    if not all_masks.unknown and different == {1, coding.ignored}:
        what = f"the object is 1 in some masks and {format_code(coding.ignored)}, the ignored value, in others"
        holders = [name for name, code in own.items() if code == coding.ignored]
        remedy = f"If it is the object there too, set {all_masks.section}.ignore_index to -1."
        return all_masks.problems_for(what, remedy, [Fix(f"{all_masks.section}.ignore_index", -1)], holders)
    files = list(all_masks.unknown) or [name for name, code in own.items() if code > 0]
    what = f"more values than 0 and one other: {format_codes(found)}"
    kept = [code for code in found if code != coding.ignored] if len(found) > 3 else found
    if len(kept) > PLAUSIBLE:
        return all_masks.problems_for(what, "Save the object's pixels as one value.", (), files)
    if kept == list(range(len(kept))):
        ids = [Fix(f"{all_masks.section}.values", "ids"), *all_masks.named(len(kept))]
        return all_masks.problems_for(what, "If each is a class, say so.", ids, files)
    return all_masks.problems_for(what, "If each is a class, say which.", all_masks.listing(kept), files)


def _not_listed(all_masks: Evidence) -> list[DataError]:
    """Under `codes`: values that the list lacks."""
    unknown = all_masks.all_unknown
    if all_masks.coding.kind != "codes" or not unknown:
        return []
    what = f"values that {all_masks.section}.codes does not list: {format_codes(unknown)}"
    if len(unknown) > PLAUSIBLE:
        return all_masks.problems_for(what, "These hardly are classes. Were the masks smoothed, or once saved as JPEG?")
    colours = any(code >= COLOUR_OFFSET for code in (*all_masks.coding.targets, *unknown))
    lines = []
    for at, code in enumerate(unknown, len(all_masks.names)):
        lines.append(Fix(f"{all_masks.section}.codes", as_colour(code) if colours else code, adds=True))
        lines.append(Fix(f"{all_masks.section}.classes", f"class_{at}", adds=True))
    return all_masks.problems_for(
        what, "Add each with its class (one called __ignore__ is ignored), or correct the masks.", lines
    )


CAUSES: Sequence[Callable[[Evidence], list[DataError]]] = (
    _palette_indices,
    _stray_pixels,
    _rare_values,
    _several_object_values,
    _colours,
    _black_and_white,
    _other_ignore_value,
    _not_listed,
    _counted_from_one,
    _more_ids_than_names,
    _far_apart,
)


def _unused_ignore_value(all_masks: Evidence) -> list[DataError]:
    """A warning: an ignored value, other than the usual ones, that occurs nowhere."""
    used = {code for codes in all_masks.masks.values() for code in codes}
    ignored = all_masks.coding.ignored
    if all_masks.coding.kind == "binary" or not used or ignored in {*used, -1, 255, 65535}:
        return []
    what = f"no pixel of {ignored}, the ignored value"
    return [DataError("all masks", what, f"Check {all_masks.section}.ignore_index.", warning=True)]


def _too_much_ignored(all_masks: Evidence, most: float) -> list[DataError]:
    """Ignored pixels where objects should be: over all masks, or in single ones that hold hardly anything else.

    Masks that are ignored from edge to edge do not count: the check of the data set reports them. Nor is 0 questioned:
    it is ignored only where a person says so, and most of a partly annotated image is 0.
    """
    if all_masks.coding.ignored == 0:
        return []
    counts = {name: all_masks.counts(code_counts) for name, code_counts in all_masks.mask_counts.items()}
    partly = {name: each for name, each in counts.items() if each.ignored < each.all}
    ignored, objects = sum(each.ignored for each in partly.values()), sum(each.objects for each in partly.values())
    value = format_code(all_masks.coding.ignored)
    remedy = f"If {value} is an object there, {all_masks.as_object()}; if nobody looked there, set data.max_ignored to 1.0."
    if ignored > most * (ignored + objects):
        share = f"{100 * ignored / (ignored + objects):.0f} % of what is not the first class is {value}, the ignored value"
        return [DataError("all masks", share, remedy)]
    bound = max(most, IN_ONE_MASK)
    what = f"nearly all that is not the first class is {value}, the ignored value, while other masks hold objects"
    return [
        DataError(name, what, remedy) for name, each in partly.items() if each.ignored > bound * (each.ignored + each.objects)
    ]


def _single_valued(all_masks: Evidence) -> list[DataError]:
    """Warnings: masks that are one object from edge to edge."""
    coding = all_masks.coding
    return [
        DataError(
            name, f"a mask with the value {format_code(codes[0])} in every pixel", "Check that it is finished.", warning=True
        )
        for name, codes in all_masks.masks.items()
        if len(codes) == 1 and coding.ids_of(codes)[0] not in (0, IGNORE)
    ]
