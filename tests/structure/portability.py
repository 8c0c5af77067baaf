"""What of the source other systems than Linux lack, found by reading it, and whether the code asks for it before it takes it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.structure.imports import ROOT

MODULES = frozenset(
    "crypt curses fcntl grp nis ossaudiodev posix pty pwd readline resource spwd syslog termios tty".split()  # noqa: SIM905
)
"""Modules that Windows lacks."""
OS = """chown chroot confstr copy_file_range ctermid eventfd fchmod fchown fdatasync fork forkpty getegid geteuid getgid
getgroups getloadavg getpgid getpgrp getpriority getrandom getresuid getsid getuid getxattr initgroups killpg lchown
lockf major makedev memfd_create minor mkfifo mknod nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate
posix_spawn posix_spawnp pread preadv pwrite pwritev readv register_at_fork sched_getaffinity sched_getscheduler
sched_setaffinity sched_yield sendfile setgid setns setpgid setpriority setsid setuid setxattr splice statvfs sync
sysconf tcgetpgrp ttyname uname unshare wait wait3 wait4 waitid writev WNOHANG WEXITED WIFEXITED WEXITSTATUS WIFSIGNALED
WTERMSIG O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_NDELAY O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH O_RSYNC
O_SYNC O_TMPFILE"""
OTHERWISE = "open kill getppid"
"""There on Windows, too, but: text mode, and no folders; a question that is a Ctrl-C; the number of a parent that is gone."""
SIGNALS = """SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGUSR1 SIGUSR2
SIGWINCH ITIMER_REAL ITIMER_PROF alarm getitimer pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigtimedwait
sigwait sigwaitinfo"""
ATTRIBUTES = {
    "os": {*OS.split(), *OTHERWISE.split()},
    "signal": set(SIGNALS.split()),
    "mmap": {"MAP_ANONYMOUS", "MAP_POPULATE", "MAP_PRIVATE", "MAP_SHARED", "MADV_DONTNEED", "MADV_SEQUENTIAL", "PROT_READ"},
    "select": {"epoll", "poll", "kqueue"},
    "socket": {"AF_UNIX", "SO_REUSEPORT"},
    "time": {"pthread_getcpuclockid", "clock_settime", "tzset"},
}
"""Names in modules that are everywhere, which Windows, or macOS, lacks, or means something else by."""
ASKED_BY = {"os.open": "O_BINARY", "mmap.madvise": "MADV_DONTNEED"}
"""By which other name the code asks for some of them."""
METHODS = {"madvise"}
OPTIONS = {"pass_fds", "preexec_fn", "process_group", "start_new_session", "umask", "user", "group"}
"""Those of subprocess."""
STARTS = {"fork", "forkserver"}
PLACES = ("/proc", "/sys/", "/dev/", "/tmp", "/etc/", "/var/")


class Use(NamedTuple):
    """A name that a system lacks, in a file of ours; `guarded` says that the function around it, or the import, asks first."""

    file: str
    name: str
    line: int
    guarded: bool


def uses(file: Path, root: Path = ROOT) -> list[Use]:
    """All of a file."""
    tree = _tree(file)
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    found = [(node, name) for node in ast.walk(tree) if node not in docstrings for name in _named(node)]
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)} if found else {}
    name_of_file = file.relative_to(root).as_posix()
    return [Use(name_of_file, name, getattr(node, "lineno", 0), _is_guarded(node, name, parents)) for node, name in found]


def text_without_line_ends(file: Path) -> list[int]:
    """The lines in which a file is written as text without saying which line ends: Windows would take its own."""
    return [node.lineno for node in ast.walk(_tree(file)) if _writes_system_line_ends(node)]


def paths_with_system_separators(file: Path) -> list[int]:
    """The lines in which a relative path becomes text by str() or in an f-string: Windows would write backslashes."""
    found = []
    for node in ast.walk(_tree(file)):
        inside: ast.expr | None = None
        if isinstance(node, ast.FormattedValue):
            inside = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
            inside = node.args[0]
        if isinstance(inside, ast.Call) and isinstance(inside.func, ast.Attribute) and inside.func.attr == "relative_to":
            found.append(inside.lineno)
    return found


def asks_for(tree: ast.AST, name: str) -> bool:
    """Whether some code asks if the system has the name: by hasattr, getattr, the platform's name, or a flag HAS_..."""
    return any(_asks(node, {name.rpartition(".")[2], ASKED_BY.get(name, "")}) for node in ast.walk(tree))


def function(tree: ast.Module, dotted: str) -> ast.AST:
    """A function, or a method by its class, of a file."""
    found: ast.AST = tree
    for part in dotted.split("."):
        found = next(node for node in ast.iter_child_nodes(found) if getattr(node, "name", None) == part)
    return found


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _asks(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("hasattr", "getattr"):
        return any(isinstance(each, ast.Constant) and each.value in names for each in node.args)
    if isinstance(node, ast.Compare):
        return ast.unparse(node.left) in ("sys.platform", "os.name")
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).rpartition(".")[2].startswith("HAS_")


def _named(node: ast.AST) -> Iterator[str]:
    """What a node uses, by the names of the table."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
    elif isinstance(node, ast.ImportFrom):
        if node.module in MODULES:
            yield str(node.module)
        yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name in ATTRIBUTES.get(str(node.module), ()))
    elif isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.attr in ATTRIBUTES.get(node.value.id, ()):
            yield f"{node.value.id}.{node.attr}"
        elif node.attr in METHODS:
            yield f"mmap.{node.attr}"
    elif isinstance(node, ast.Call):
        yield from _in_call(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(PLACES):
        yield next(place for place in PLACES if node.value.startswith(place)).rstrip("/")


def _in_call(node: ast.Call) -> Iterator[str]:
    called = _dotted(node.func)
    if called == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
        module = _dotted(node.args[0])
        if node.args[1].value in ATTRIBUTES.get(module, ()):
            yield f"{module}.{node.args[1].value}"
    if called.startswith("subprocess."):
        yield from (f"subprocess.{each.arg}" for each in node.keywords if each.arg in OPTIONS)
    if called.endswith(("get_context", "set_start_method")):
        yield from (
            f"multiprocessing.{each.value}" for each in node.args if isinstance(each, ast.Constant) and each.value in STARTS
        )


def _dotted(node: ast.AST) -> str:
    """`name` or `name.attribute`; of anything else before the attribute a dot alone."""
    if isinstance(node, ast.Attribute):
        return f"{node.value.id if isinstance(node.value, ast.Name) else ''}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _is_guarded(node: ast.AST, name: str, parents: dict[ast.AST, ast.AST]) -> bool:
    """A module: imported in a try that bears its absence. Else the function around it asks, or bears an AttributeError."""
    around = node
    while around in parents and not isinstance(around, ast.FunctionDef):
        around = parents[around]
        if isinstance(around, ast.Try):
            caught = {
                word for handler in around.handlers if handler.type for word in ast.unparse(handler.type).strip("()").split(", ")
            }
            if caught & ({"ImportError"} if name in MODULES else {"AttributeError"}):
                return True
    return name not in MODULES and isinstance(around, ast.FunctionDef) and asks_for(around, name)


def _writes_system_line_ends(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    says = any(each.arg == "newline" for each in node.keywords)
    if node.func.attr == "write_text":
        # `files.write_text` is our own, which says.
        return not says and ast.unparse(node.func.value) != "files"
    modes = [
        each
        for each in [*node.args, *(key.value for key in node.keywords if key.arg == "mode")]
        if isinstance(each, ast.Constant)
    ]
    is_text = any(isinstance(each.value, str) and set(each.value) <= set("wax+t") for each in modes)
    return node.func.attr == "open" and is_text and not says
