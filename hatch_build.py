"""An editable install brings the path file alone: what `segpipe new` lays out, a wheel's copy, lies in the checkout itself."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EditableInstall(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_data["force_include_editable"] = {"segpipe/own_path.pth": "segpipe_own_path.pth"}
