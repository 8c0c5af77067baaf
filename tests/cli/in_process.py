"""A command as a shell runs it, without a process of its own: its imports take seconds, and the tests have them already."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

from segpipe.cli.main import app
from segpipe.console import command


def segpipe(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`segpipe` in the folder, up to its exit code; an error that would be a traceback is raised."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder), pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["segpipe", *arguments])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command.run_app(app)
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
