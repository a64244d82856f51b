# SPDX-License-Identifier: MIT
"""Projects: `baremetal new` and `baremetal build`, and finding a project's application."""

import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager

from . import host, sdk
from .elf import Elf
from .errors import Problem, from_oserror, shown, tell
from .output import make_temporary, remove_temporary

PLACEHOLDER = b"@PROJECT@"
STAMP = ".baremetal-sdk"  # in a build folder: which SDK it was configured for


def command_new(options):
    """`baremetal new`"""
    templates = sdk.templates()
    if options.list or not options.name:
        if not templates:
            raise Problem(f"no templates are installed in {shown(sdk.TEMPLATES)}",
                          "install the SDK again, with -Dtemplates=true")
        if not options.list:
            raise Problem("a name for the project is missing",
                          "baremetal new --template TEMPLATE NAME; templates: " +
                          ", ".join(templates))
        for name, about in templates.items():
            print(f"{name:12} {about}")
        return 0
    if options.template not in templates:
        raise Problem(f"there is no template {shown(options.template)}",
                      f"choose one of: {', '.join(templates) or '(none is installed)'}")
    folder = os.path.abspath(options.name)
    name = os.path.basename(folder)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise Problem(f"{shown(name)} is no name for a project",
                      "use letters, digits, - and _, with a letter first")
    if name in ("test", "all", "install", "clean", "dist", "build", "root", "src"):
        raise Problem(f"{name} has a meaning of its own in a build", "choose another name")
    try:
        if os.path.lexists(folder):
            raise Problem(f"{shown(options.name)} exists already",
                          "choose another name, or remove it")
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        staging = make_temporary(tempfile.mkdtemp, prefix=".baremetal-",
                                 dir=os.path.dirname(folder))
        try:
            copy = os.path.join(staging, name)
            shutil.copytree(os.path.join(sdk.TEMPLATES, options.template), copy,
                            copy_function=lambda a, b: _copy(a, b, name.encode()))
            os.rename(copy, folder)
        finally:
            remove_temporary(staging)
    except shutil.Error as error:
        why = re.sub(r"^\[Errno \d+\] |: '.*", "", str(error.args[0][0][2]))
        raise Problem(f"{shown(options.name)} could not be made from the template: {why}",
                      "free some space, or choose another place") from None
    except OSError as error:
        raise from_oserror(error, folder) from None
    print(f"{shown(options.name)}: made from the template {options.template}. Next:\n"
          f"    cd {shown(options.name)} && baremetal run")
    return 0


def _copy(source, target, name):
    with open(source, "rb") as file:
        data = file.read()
    with open(target, "wb") as file:
        file.write(data.replace(PLACEHOLDER, name))
    os.chmod(target, 0o755 if os.access(source, os.X_OK) else 0o644)
    return target


def find_project(start):
    """The nearest folder at or above `start` whose meson.build begins a project."""
    folder = os.path.realpath(start)
    while True:
        path = os.path.join(folder, "meson.build")
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                if re.search(r"^\s*project\s*\(", file.read(), re.MULTILINE):
                    return folder
        above = os.path.dirname(folder)
        if above == folder:
            raise Problem(f"{shown(start)} is in no project: there is no meson.build with project()",
                          "go into a project's folder, or make one with `baremetal new`")
        folder = above


def environment():
    return {**os.environ, **sdk.environment()}


def _run(program, arguments, what, verbose):
    """Run Meson or Ninja; quiet unless it fails or `verbose`."""
    command = [host.find_program(program), *arguments]
    try:
        done = subprocess.run(command, check=False, env=environment(), stdin=subprocess.DEVNULL,
                              **({} if verbose else {"stdout": subprocess.PIPE,
                                                     "stderr": subprocess.STDOUT}))
    except OSError as error:
        raise from_oserror(error, command[0]) from None
    if done.returncode:
        if done.stdout:
            sys.stderr.buffer.write(done.stdout)
        raise Problem(f"{what} failed", "mend what is said above, and build again")


@contextmanager
def _alone(folder):
    """Only one build of a project at a time: a lock on its folder, which ends with this process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another build of this project")
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def build(folder, verbose=False, meson_options=()):
    """Configure where that is needed, and compile; returns the build folder."""
    with _alone(folder):
        return _build(folder, verbose, meson_options)


def _build(folder, verbose, meson_options):
    made = os.path.join(folder, "build")
    stamp = os.path.join(made, STAMP)
    configured = os.path.isfile(os.path.join(made, "build.ninja"))
    if configured:
        try:
            with open(stamp, encoding="utf-8", errors="surrogateescape") as file:
                same = file.read() == sdk.PREFIX
        except OSError:
            same = None
        if same is None:
            raise Problem(f"{shown(made)} was not made by `baremetal build`",
                          f"rm -r {shlex.quote(made)} and build again, or go on with "
                          "`meson compile` yourself")
        if not same:
            tell("the SDK has moved since the last build: starting afresh")
            shutil.rmtree(made)
            configured = False
    if not configured:
        host.find_program("ninja")
        _run("meson", ["setup", "--cross-file", "baremetal", *meson_options, made, folder],
             "the configuration", verbose)
        with open(stamp, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(sdk.PREFIX)
    elif meson_options:
        _run("meson", ["configure", *meson_options, made], "the configuration", verbose)
    _run("ninja", ["-C", made], "the build", verbose)
    return made


def applications(folder):
    """Paths of the applications that a build folder has."""
    try:
        with open(os.path.join(folder, "meson-info", "intro-targets.json"), encoding="utf-8") as file:
            targets = json.load(file)
    except (OSError, ValueError):
        return []
    found = []
    for target in targets:
        for path in target["filename"] if target["type"] == "executable" else []:
            try:
                if Elf(path).is_app():
                    found.append(path)
            except (OSError, Problem):
                continue
    return found


def find_app(path, verbose=False):
    """(application, root or None) for an application's path, or a project's folder, which is built.

    A project's own boot filesystem is its folder root/, if there is one.
    """
    if not os.path.isdir(path):
        return path, None
    folder = find_project(path)
    found = applications(build(folder, verbose))
    if len(found) != 1:
        many = "several applications: " + ", ".join(shown(f) for f in found)
        raise Problem(f"the project {shown(folder)} builds {many if found else 'no application'}",
                      "give the path of the application")
    root = os.path.join(folder, "root")
    return found[0], root if os.path.isdir(root) else None


def command_build(options):
    """`baremetal build`"""
    folder = find_project(options.dir)
    made = build(folder, not options.quiet, options.meson_options)
    if not options.quiet:
        for path in applications(made):
            print(f"{shown(os.path.relpath(path))}: {os.stat(path).st_size / 1024:,.0f} KiB")
    return 0
