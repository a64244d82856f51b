# SPDX-License-Identifier: MIT
"""Files that appear whole or not at all, and temporary folders that go away.

A signal may come between any two steps. So what is temporary is listed in the same step that makes
it, in which signals wait (_step), and whatever is still listed is removed before the tool ends
(sweep): unwinding alone could be cut short while it cleans up.
"""

import errno
import os
import shutil
import signal
import stat
import sys
import tempfile
from contextlib import contextmanager

from .errors import Problem, from_oserror, missing_folder, shown

_temporaries = set()  # paths that must not outlive this process


class _Step:
    """A with-block that signals do not interrupt: they take effect at its end."""

    def __init__(self):
        self.depth, self.pending = 0, None

    def __enter__(self):
        self.depth += 1

    def __exit__(self, *_):
        self.depth -= 1
        if not self.depth and self.pending is not None:
            number, self.pending = self.pending, None
            raise Terminated(number)

    def signalled(self, number, _):
        if self.depth:
            self.pending = number
        else:
            raise Terminated(number)


class Terminated(BaseException):
    """A signal asked the tool to end; unwinds, so that temporary files go."""

    def __init__(self, number):
        super().__init__()
        self.number = number


_step = _Step()


def make_temporary(make, **words):
    """mkstemp or mkdtemp of `tempfile`, listed for removal. Returns what it returns."""
    with _step:
        made = make(**words)
        _temporaries.add(made[1] if isinstance(made, tuple) else made)
    return made


def remove_temporary(path):
    """Remove it, if it is there. Only what could be removed is off the list."""
    try:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        return
    _temporaries.discard(path)


def sweep():
    """Remove what an interrupted clean-up left. Nothing may follow that makes more."""
    with _step:
        for path in list(_temporaries):
            remove_temporary(path)
        _step.pending = None


@contextmanager
def whole_file(path):
    """A temporary file beside `path`, open for reading and writing, that becomes `path` at the end.

    Whatever happens before that, `path` stays what it was. The file's name is .name on the object.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise Problem(f"{shown(path)} is not a file that can be replaced",
                          "choose another name with -o")
        path = os.path.realpath(path)  # a link stays a link
    except FileNotFoundError:
        pass
    except OSError as error:
        raise from_oserror(error, path) from None
    folder, name = os.path.split(os.path.abspath(path))
    try:
        fd, temporary = make_temporary(tempfile.mkstemp, prefix=".baremetal-", suffix=".tmp",
                                       dir=folder)
    except FileNotFoundError as error:
        if missing_folder(path):
            raise from_oserror(error, path) from None
        raise Problem(f"{shown(path)} cannot be made: no file can be, in that folder",
                      "choose another place with -o") from None
    except OSError as error:
        raise from_oserror(error, path) from None
    try:
        with open(fd, "w+b") as file:
            yield _Named(file, temporary)
            file.flush()
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(fd, 0o666 & ~umask)
            os.fsync(fd)
        os.replace(temporary, os.path.join(folder, name))
    except OSError as error:
        # Something that was read; but a full disk is the output's, whatever sendfile() names.
        if error.filename and error.filename != temporary and error.errno != errno.ENOSPC:
            raise from_oserror(error) from None
        raise from_oserror(error, path) from None
    finally:
        remove_temporary(temporary)


class _Named:
    """A file object whose .name is the path."""

    def __init__(self, file, name):
        self._file, self.name = file, name

    def __getattr__(self, attribute):
        return getattr(self._file, attribute)


@contextmanager
def temporary_folder(keep=False, prefix="baremetal-", place=None):
    """A private folder in `place` or $TMPDIR, removed at the end unless `keep`."""
    try:
        folder = make_temporary(tempfile.mkdtemp, prefix=prefix, dir=place)
    except OSError as error:
        raise Problem(f"cannot make a temporary folder: {error.strerror}",
                      "set TMPDIR to a folder that you may write to") from None
    try:
        yield folder
    finally:
        if keep:
            _temporaries.discard(folder)
        else:
            remove_temporary(folder)


def unwind_on_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _step.signalled)


def die_of(number):
    """End as the signal would have ended us, with nothing left behind."""
    sweep()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
