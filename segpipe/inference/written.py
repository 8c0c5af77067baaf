"""What predict wrote into a folder: a table of its files and their hashes, by which it knows its own from anybody else's.

A file is listed before it is put in place, so that a run that is killed leaves none that the next would take for another's.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from segpipe.errors import PipelineError
from segpipe.storage.csv_table import csv_text, unguarded
from segpipe.storage.files import sha256_of, write_bytes, write_text

TABLE = "written_by_predict.csv"
HEAD = ("file", "sha256", "made_from", "note")
OLD_HEADS = (("file", "sha256"), ("file", "sha256", "made_from"))
"""Of tables from before results were found again, and from before notes."""
SHOWN = 5


@dataclass(frozen=True)
class Written:
    """The table of `folder`: by each file's name in it the hashes it may have; empty where there is no table.

    A file has several where a run was killed as it replaced it. `made_from` says of a name and a hash what decided that file:
    one hash of the image and the model. `notes` are what a run will need of an image again that is in no file of its own, by
    name: what decided it, and the text.
    """

    folder: Path
    hashes: dict[str, list[str]]
    made_from: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)

    def is_own(self, name: str) -> bool:
        """Whether the file is there as predict wrote it."""
        path = self.folder / name
        listed = self.hashes.get(name, [])
        return bool(listed) and path.is_file() and sha256_of(path) in listed

    def is_made_from(self, name: str, made_from: str) -> bool:
        """Whether the file is there as predict wrote it, and of what this hash stands for."""
        path = self.folder / name
        return name in self.hashes and path.is_file() and self.made_from.get((name, sha256_of(path))) == made_from

    def noted(self, name: str, made_from: str) -> str | None:
        """The text of a note that was made of what this hash stands for."""
        of, text = self.notes.get(name, ("", ""))
        return text if of == made_from and text else None

    def begin(self) -> None:
        """Writes the table as it was read, for `write` to go on with; a line that a killed run left half is gone then."""
        hashes = ((name, each) for name, found in sorted(self.hashes.items()) for each in found)
        rows = [(*each, self.made_from.get(each, ""), "") for each in hashes]
        rows += [(name, "", *note) for name, note in sorted(self.notes.items())]
        write_text(self.folder / TABLE, csv_text(HEAD, rows))

    def write(self, name: str, content: bytes, made_from: str = "") -> None:
        """Writes a file below the folder, which `conflicts` has let through. Raises PipelineError as `write_bytes` does."""
        # Listed first, written then: the other way round a kill in between would leave a file that nobody knows.
        self.new[name] = sha256(content).hexdigest()
        self.made_from[name, self.new[name]] = made_from
        self._append(name, self.new[name], made_from, "")
        write_bytes(self.folder / name, content)

    def note(self, name: str, text: str, made_from: str) -> None:
        """Notes a text, for the next run to find. Raises PipelineError as `write` does."""
        self.notes[name] = made_from, text
        self._append(name, "", made_from, text)

    def end(self) -> None:
        """Writes the table sorted, each file of this run with its one hash."""
        kept = self.hashes | {name: [found] for name, found in self.new.items()}
        Written(self.folder, kept, self.made_from, self.notes).begin()

    def _append(self, *row: str) -> None:
        path = self.folder / TABLE
        try:
            with path.open("a", encoding="utf-8", newline="") as stream:
                stream.write(csv_text(row, []))
        except OSError as error:
            raise PipelineError(f"{path}: could not be written ({error.strerror}). Free space or mend the rights.") from error


def read(folder: Path) -> Written:
    """The table of a folder. Raises PipelineError where a file of its name is no such table."""
    path = folder / TABLE
    if not path.is_file():
        return Written(folder, {})
    found: dict[str, list[str]] = {}
    made_from: dict[tuple[str, str], str] = {}
    notes: dict[str, tuple[str, str]] = {}
    try:
        text = path.read_text(encoding="utf-8")
        # A run that is killed may leave its last line half.
        head, *rows = csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline=""), strict=True)
        if tuple(head) not in (HEAD, *OLD_HEADS):
            raise ValueError(f"its columns are {', '.join(head)}")
        for name, hash_, of, note in ((*row, "", "")[:4] for row in rows):
            if note:
                notes[unguarded(name)] = of, unguarded(note)
                continue
            found.setdefault(unguarded(name), []).append(hash_)
            made_from[unguarded(name), hash_] = of
    except (OSError, ValueError, csv.Error) as error:
        raise PipelineError(f"{path}: not the table that predict writes ({error}). Move it away.") from None
    return Written(folder, found, made_from, notes)


def conflicts(written: Written, kinds: Iterable[str], names: Iterable[str]) -> list[str]:
    """Why files of these `names`, in the folders `kinds` below the table's, may not be written; empty where they may.

    A folder that predict has never written into must be new or empty: what lies there, and what is added to it, would not be
    told apart. A file that is replaced must be predict's own, and as it was written.
    """
    out = written.folder
    # lexists, since a link that leads nowhere is there, too.
    if os.path.lexists(out) and not out.is_dir():
        return [f"--out: {out} is a file. Name a folder."]
    known = {name.split("/")[0] for name in written.hashes}
    foreign = {kind: [*_files(out / kind)] for kind in kinds if kind not in known}
    found = [_foreign(out / kind, files) for kind, files in foreign.items() if files]
    checked = [name for name in names if "/" not in name or name.split("/")[0] in known]
    changed = [name for name in checked if os.path.lexists(out / name) and not written.is_own(name)]
    if changed:
        found.append(
            f"{_few([f'{out}/{name}' for name in changed])}: not written by predict, or changed since, and would be replaced. "
            "Move them away, or name another folder with --out."
        )
    return found


def without_own(images: Iterable[Path]) -> list[Path]:
    """The images but those that a table in a folder above them lists, whether or not someone has changed them since."""
    known: dict[Path, tuple[Written, ...]] = {}

    def tables(folder: Path) -> tuple[Written, ...]:
        if folder not in known:
            own, above = read(folder), tables(folder.parent) if folder.parent != folder else ()
            # The folders above are asked once for all files of a folder, by `known`.
            known[folder] = (own, *above) if own.hashes else above
        return known[folder]

    def is_listed(path: Path) -> bool:
        return any(path.relative_to(table.folder).as_posix() in table.hashes for table in tables(path.parent))

    return [image for image in images if not is_listed(image.absolute())]


def _files(folder: Path) -> Iterator[str]:
    """What lies in a folder at any depth, or the folder itself where it is none."""
    if os.path.lexists(folder) and not folder.is_dir():
        yield folder.name
    for path in sorted(folder.rglob("*")):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()


def _foreign(folder: Path, files: list[str]) -> str:
    return (
        f"{folder} holds what predict did not write: {_few(files)}. It writes neither over such files nor among them. "
        "Name another folder with --out."
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
