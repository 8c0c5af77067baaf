"""The values of all masks of a data set, how they are read, and the lines of params.yaml that would read them otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from segpipe.annotations.class_map import IGNORED
from segpipe.annotations.code_counts import CodeCounts
from segpipe.annotations.formats.masks.codes import COLOUR_OFFSET, format_code
from segpipe.annotations.formats.masks.ids import Coding
from segpipe.errors import DataError, Fix
from segpipe.record import IGNORE

BY_VALUES = "Save class ids, or let `segpipe init PATH --kind masks` read the tree by these values."


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of a mask: with the ignored value, of classes other than the first, and all of them."""

    ignored: int
    objects: int
    all: int


@dataclass(frozen=True)
class Evidence:
    """What each mask holds, by its name, how it is read, and the names of the classes under `section`.

    `section` is the section of params.yaml, such as data.masks; `has_value_keys` says that it has keys for values and codes.
    """

    mask_counts: dict[str, CodeCounts]
    coding: Coding
    names: tuple[str, ...]
    section: str
    has_value_keys: bool

    @cached_property
    def masks(self) -> dict[str, tuple[int, ...]]:
        """The codes that each mask holds."""
        return {name: code_counts.codes for name, code_counts in self.mask_counts.items()}

    @cached_property
    def found(self) -> list[int]:
        """All codes but the ignored one, unless it is all there is beside 0; numbers first, then colours, each in order."""
        every = {code for codes in self.masks.values() for code in codes}
        kept = every if len(every - {0}) < 2 else every - {self.coding.ignored}
        return sorted(kept)

    @cached_property
    def unknown(self) -> dict[str, list[int]]:
        """The masks that hold codes which are no class, with these."""
        each = {name: self.coding.unknown(codes) for name, codes in self.masks.items()}
        return {name: codes for name, codes in each.items() if codes}

    @cached_property
    def all_unknown(self) -> list[int]:
        """All codes that are no class."""
        return sorted({code for codes in self.unknown.values() for code in codes})

    def counts(self, code_counts: CodeCounts) -> "PixelCounts":
        """The pixels of one mask that have the ignored value, those of classes other than the first, and all."""
        ids = self.coding.ids_of(code_counts.codes)
        pairs = list(zip(code_counts.codes, ids, code_counts.pixels, strict=True))
        ignored = sum(pixels for code, number, pixels in pairs if number == IGNORE and code == self.coding.ignored)
        objects = sum(pixels for _, number, pixels in pairs if number not in (None, 0, IGNORE))
        return PixelCounts(ignored, objects, sum(code_counts.pixels))

    def as_object(self) -> str:
        """What to do where the ignored value is an object."""
        if not self.has_value_keys:
            return "save it as the number of its class"
        if len(self.names) > 2:
            return f"save it as the number of its class, or let {self.section}.values be codes and list it"
        return f"set {self.section}.values to binary and {self.section}.ignore_index to -1"

    @cached_property
    def no_shared_colour(self) -> bool:
        """Whether no colour is in more than one mask."""
        colours = [code for codes in self.masks.values() for code in codes if code >= COLOUR_OFFSET]
        return len(set(colours)) == len(colours)

    def problems_for(
        self, what: str, remedy: str, fixes: Sequence[Fix] = (), files: Sequence[str] | None = None
    ) -> list[DataError]:
        """The same problem for each of the files, or for each mask with an unknown code."""
        own = tuple(fixes)
        if not self.has_value_keys and any(not fix.key.endswith(".classes") for fix in fixes):
            own, remedy = (), BY_VALUES
        return [DataError(name, what, remedy, own or None) for name in (self.unknown if files is None else files)]

    def named(self, number: int) -> list[Fix]:
        """The lines that make the classes `number` many: missing ones are called class_N."""
        return [Fix(f"{self.section}.classes", f"class_{at}", adds=True) for at in range(len(self.names), number)]

    def how_to_list(self, each: str, number: int) -> str:
        """What to do about so many values or colours that stand for classes."""
        remedy = f"Say which class each {each} is, in the order of the classes."
        if number >= len(self.names):
            return remedy
        names = f"{self.section}.classes names {len(self.names)}"
        return f"{remedy} {names}: set {self.section}.values to codes, and list as many in {self.section}.codes."

    def ignoring(self, unknown: Sequence[int], names: Mapping[int, str]) -> list[Fix]:
        """The lines that list the codes with their names, and the unknown ones as ignored."""
        classes = (*names.values(), *[IGNORED] * len(unknown))
        listed = [Fix(f"{self.section}.values", "codes"), Fix(f"{self.section}.codes", as_values((*names, *unknown)))]
        return [*listed, Fix(f"{self.section}.classes", classes)]

    @property
    def named_codes(self) -> dict[int, str]:
        """The name of each code that is listed, `__ignore__` for the ignored value among ids."""
        targets = self.coding.targets
        codes = range(len(self.names)) if self.coding.kind == "ids" else targets
        return {code: name if code in targets else IGNORED for code, name in zip(codes, self.names, strict=True)}

    def listing(self, codes: Sequence[int]) -> list[Fix]:
        """The lines that list the codes, a class each; none where there are more classes: which do not occur?"""
        if self.has_value_keys and len(codes) < len(self.names):
            return []
        listed = [Fix(f"{self.section}.values", "codes"), Fix(f"{self.section}.codes", as_values(codes))]
        return [*listed, *self.named(len(codes))]


def as_values(codes: Sequence[int]) -> tuple[int | str, ...]:
    """The codes as data.masks.codes lists them: all as colours where one is."""
    return tuple(map(as_colour, codes)) if any(code >= COLOUR_OFFSET for code in codes) else tuple(codes)


def as_colour(code: int) -> str | int:
    """The code as a colour's three numbers; a number above 255 as itself."""
    return " ".join([format_code(code)] * 3) if code < 256 else format_code(code)
