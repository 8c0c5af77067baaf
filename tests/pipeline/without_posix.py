"""Takes from Python on Linux what Windows has not, as far as Python itself can live without it: put first on a process's path.

What stays: what the standard library and torch call on Linux themselves (SIGKILL, SIGCHLD, register_at_fork), and /proc, which
psutil reads there. What segpipe does without these is tested in tests/console.
"""

TEXT = '''\
import importlib.abc, multiprocessing, os, signal, sys

MODULES = {"fcntl", "grp", "pty", "readline", "resource", "syslog", "termios", "tty"}
OS = """chown fchmod fchown fork forkpty getloadavg getpgid getpgrp getsid killpg lockf mkfifo nice openpty pathconf posix_fadvise
posix_fallocate posix_spawn pread preadv pwrite pwritev sched_getaffinity sched_setaffinity setpgid setsid statvfs
O_ASYNC O_DIRECT O_DIRECTORY O_DSYNC O_NOFOLLOW O_SYNC O_TMPFILE""".split()
SIGNALS = """SIGALRM SIGHUP SIGQUIT SIGUSR1 SIGUSR2 ITIMER_REAL alarm getitimer pause pthread_kill pthread_sigmask
setitimer sigwait""".split()


class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r} (taken away)", name=name)


sys.meta_path.insert(0, Absent())
for module in MODULES:
    sys.modules.pop(module, None)
for name in OS:
    if hasattr(os, name):
        delattr(os, name)
for name in SIGNALS:
    if hasattr(signal, name):
        delattr(signal, name)
multiprocessing.set_start_method("spawn", force=True)
'''
