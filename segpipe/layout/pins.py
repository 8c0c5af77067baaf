"""The installed version of a package and of all that it needs here, as lines of a lock: name==version."""

from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pins(package: str) -> dict[str, str]:
    """The version by name of an installed package and of everything it needs on this machine, at any depth; sorted.

    What an extra alone needs is left out, unless something that is needed asks for that extra. Raises
    importlib.metadata.PackageNotFoundError where the package itself is not installed.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(package)]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                # A local part such as +cpu names the build; no index has a file of that name.
                found[name] = metadata.version(name).split("+")[0]
                waiting += _needed(name, extra)
    return dict(sorted(found.items()))


def lines(versions: Iterable[tuple[str, str]]) -> str:
    """The text of a lock."""
    return "".join(f"{name}=={version}\n" for name, version in versions)


def _needed(name: str, extra: str) -> list[Requirement]:
    """What a package needs here; with an extra, what that adds. A package that is missing is nobody's need: pip saw to that."""
    stated = [Requirement(text) for text in metadata.requires(name) or []]
    wanted = [each for each in stated if each.marker is None or each.marker.evaluate({"extra": extra})]
    return [each for each in wanted if _is_installed(each.name)]


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
