"""TensorBoard's event files, the only file that knows it. Event files that fail cost one warning and never a training."""

import importlib.util
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.storage.workspace import main_root

FOLDER = "tensorboard_logs"
"""Not `tensorboard`, which Python would take for the package where that is not installed."""
PATTERN = "events.out.tfevents.*"


def require_installed() -> None:
    """Raises PipelineError where the package is not there."""
    try:
        found = importlib.util.find_spec("tensorboard.summary")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise PipelineError(
            "tracking.tensorboard: the package tensorboard is not installed. Run pip install tensorboard, or write false."
        )


class EventFiles:
    """The event files of one training, in a folder of its own. After the first failure it does nothing more.

    A tag has one value a step: what the folder holds already is not written again.
    """

    def __init__(self, folder: Path, goes_on: bool) -> None:
        """Goes on with what the folder holds of the training, or deletes that of an earlier one."""
        self._writer: Any = None
        self._alive = True
        self._last: dict[str, int] = {}
        self._try(lambda: self._open(folder, goes_on))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """The numbers of an epoch, in one record: it is there as a whole or not at all.

        As 32-bit floats: TensorBoard's server leaves out scalars that are doubles.
        """
        self._try(lambda: self._add({name: {"simple_value": value} for name, value in values.items()}, step))

    def picture(self, tag: str, png: bytes, step: int) -> None:
        """A PNG of three channels, its very bytes."""
        self._try(lambda: self._add({tag: _image(png)}, step))

    def last_step(self, tag: str) -> int:
        """The last step of a tag, -1 where there is none."""
        return self._last.get(tag, -1)

    def end(self) -> None:
        """Closes the file."""
        if self._alive:
            self._try(self._writer.close)

    def _open(self, folder: Path, goes_on: bool) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        earlier = sorted(folder.glob(PATTERN))
        for path in earlier:
            if goes_on:
                self._read(path)
            else:
                path.unlink()
        self._writer = EventFileWriter(str(folder))

    def _read(self, path: Path) -> None:
        """Notes the last step of each tag. What a killed process had half written at the end is no record."""
        from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
        from tensorboard.compat.proto.event_pb2 import Event

        for content in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(content)
            for value in event.summary.value:
                self._last[value.tag] = max(event.step, self.last_step(value.tag))

    def _add(self, parts: Mapping[str, Mapping[str, Any]], step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        new = {tag: part for tag, part in parts.items() if step > self.last_step(tag)}
        if new:
            summary = Summary(value=[Summary.Value(tag=tag, **part) for tag, part in new.items()])
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
            # At once: who looks on wants the last epoch too, and a full disk is to be told of here.
            self._writer.flush()
            self._last |= dict.fromkeys(new, step)

    def _try(self, action: Callable[[], None]) -> None:
        if not self._alive:
            return
        try:
            action()
        except Exception as error:  # Whatever TensorBoard raises, none of it may stop a training.
            self._alive = False
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            print(f"warning: TensorBoard's event files do not work: {reason}. Nothing more is written there.", file=sys.stderr)


def folder_of(name: str) -> Path:
    """Where the event files of the training of this name lie: in the main repository, so that they outlive a workspace."""
    return main_root() / FOLDER / name


def _image(png: bytes) -> dict[str, Any]:
    from tensorboard.compat.proto.summary_pb2 import Summary

    # A PNG says its size in its first chunk.
    width, height = struct.unpack(">II", png[16:24])
    return {"image": Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)}
