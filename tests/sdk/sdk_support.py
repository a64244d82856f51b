# SPDX-License-Identifier: MIT
"""An installed SDK for the tests of this folder: copied to a place with a space in its name, and
moved from there.

The environment names BUILD (the build folder), SOURCE and PREFIX (as configured).
"""

import os
import shlex
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "image"))

import support  # noqa: E402
from support import run  # noqa: E402,F401

# Nothing of the tester's own environment may help.
CLEAN = {name: value for name, value in os.environ.items()
         if not name.startswith(("BAREMETAL", "PKG_CONFIG", "XDG_", "CC", "CFLAGS", "LDFLAGS",
                                 "DESTDIR", "MESON", "PYTHON"))}


class Installed(support.Case):
    """Installs once a class; self.sdk is the prefix, self.env what `baremetal env` sets."""

    @classmethod
    def setUpClass(cls):
        folder = support.tempfile.TemporaryDirectory(prefix="bm sdk ")
        cls.addClassCleanup(folder.cleanup)
        cls.place = os.path.realpath(folder.name)
        stage = os.path.join(cls.place, "stage")
        done = run("meson", "install", "-C", os.environ["BUILD"], "--no-rebuild", "--destdir", stage)
        if done.status:
            raise RuntimeError(str(done))
        cls.sdk = os.path.join(cls.place, "the first place")
        os.rename(stage + os.environ["PREFIX"], cls.sdk)
        shutil.rmtree(stage)
        cls.use(cls.sdk)

    @classmethod
    def use(cls, sdk):
        cls.sdk = sdk
        cls.tool_path = os.path.join(sdk, "bin", "baremetal")
        done = support.run(cls.tool_path, "env")
        cls.env = dict(CLEAN)
        for line in done.out.splitlines():
            word, assignment = shlex.split(line)
            assert word == "export"
            name, value = assignment.split("=", 1)
            cls.env[name] = value

    @classmethod
    def move(cls):
        """To another place, with other unusual characters."""
        place = os.path.join(cls.place, "moved, to a 2nd+ one")
        os.rename(cls.sdk, place)
        cls.use(place)

    def sh(self, script, *arguments, cwd=None, env=None):
        """Run a shell script with the SDK's environment; it must succeed."""
        return self.good(self.sh_any(script, *arguments, cwd=cwd, env=env))

    def sh_any(self, script, *arguments, cwd=None, env=None):
        done = support.subprocess.run(
            ["sh", "-euc", script, "sh", *arguments], cwd=cwd or self.folder, capture_output=True,
            stdin=support.subprocess.DEVNULL, timeout=support.SECONDS,
            env={**self.env, **(env or {})})
        return support.Done(script, done)

    def boots(self, app, output="", status=0, *arguments):
        """Boot an application with the installed tool."""
        done = self.good(support.run(self.tool_path, "run", "--accel", "tcg", "--timeout", "120", app,
                                     *arguments), status)
        self.assertIn(output, done.out)
        return done
