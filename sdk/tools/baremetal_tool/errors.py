# SPDX-License-Identifier: MIT
"""Problems that are told to the user: one sentence what is wrong, one what to do."""

import errno
import os
import sys

# Exit status of the tool itself; `run` otherwise ends with the guest's own.
STATUS_PROBLEM = 1
STATUS_USAGE = 2       # a wrong command line, as argparse has it
STATUS_TIMEOUT = 124   # the guest had not ended in time
STATUS_NO_STATUS = 125  # the guest or QEMU ended without saying how; or it could not be started
STATUS_REFUSED = 126   # the kernel could not start the program
STATUS_INTERRUPTED = 130
STATUS_CRASH = 134     # an exception in the guest


class Problem(Exception):
    """What went wrong, and what to do about it."""

    def __init__(self, text, fix=None, status=STATUS_PROBLEM):
        super().__init__(text)
        self.text, self.fix, self.status = text, fix, status


class Usage(Problem):
    """A command line that asks for what cannot be."""

    def __init__(self, text, fix=None):
        super().__init__(text, fix, STATUS_USAGE)


def shown(path):
    """A path for a message: newlines, controls and undecodable bytes made visible."""
    text = os.fsdecode(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(os.fsencode(c))[2:-1] for c in text)


def tell(text):
    """A remark on standard error."""
    say(f"baremetal: {text}", sys.stderr)


def say(text, stream=None):
    """Print text that may hold undecodable bytes."""
    stream = stream or sys.stdout
    stream.flush()
    stream.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    stream.flush()


_WORDS = {
    errno.ENOSPC: ("is on a full disk", "free some space, or choose another place"),
    errno.EDQUOT: ("is beyond your disk quota", "free some space, or choose another place"),
    errno.EFBIG: ("has become larger than is allowed here",
                  "raise the limit (ulimit -f), or choose another place"),
    errno.EACCES: ("may not be accessed", "change its permissions, or choose another place"),
    errno.EPERM: ("may not be accessed", "change its permissions, or choose another place"),
    errno.EROFS: ("is on a read-only file system", "choose another place"),
    errno.ENOENT: ("does not exist", "check the name"),
    errno.ENOTDIR: ("lies under something that is not a folder", "check the name"),
    errno.EEXIST: ("is in the way", "choose another name, or remove it"),
    errno.EISDIR: ("is a folder", "name a file"),
    errno.ENAMETOOLONG: ("has too long a name", "choose a shorter one"),
    errno.ELOOP: ("is a symbolic link that leads in circles", "mend the link"),
}


def missing_folder(path):
    """The first folder on the way to `path` that is not there, or None."""
    try:
        folder, missing = os.path.dirname(os.path.abspath(path)), None
    except FileNotFoundError:  # the working directory itself was removed
        return "."
    while not os.path.lexists(folder):
        folder, missing = os.path.dirname(folder), folder
    return missing


def from_oserror(error, path=None):
    """The Problem for an OSError."""
    path = path if path is not None else error.filename
    what = shown(path) if path else "a file"
    if error.errno == errno.ENOENT and path:
        folder = missing_folder(path)
        if folder:
            return Problem(f"{what}: the folder {shown(folder)} does not exist",
                           "make it, or check the name")
    text, fix = _WORDS.get(error.errno, (f"cannot be used: {error.strerror}",
                                         "mend that, or choose another place"))
    return Problem(f"{what} {text}", fix)
