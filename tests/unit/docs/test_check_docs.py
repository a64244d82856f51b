#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_docs.py complains about what is wrong, and about nothing else."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
from check_docs import Checker, lists  # noqa: E402

MAIN_HELP = """usage: baremetal [-h] [--version] COMMAND ...

positional arguments:
  COMMAND
    run       boot
    image     make an image

options:
  --version   the version
"""
HELP = {"": MAIN_HELP, "run": "  --uefi  \n  -v, --verbose\n  --args LINE\n", "image": "  -f FORMAT, --format FORMAT\n"}
# Mentions every command, so that only what a test adds can be wrong.
ALL_COMMANDS = "`baremetal run`, `baremetal image`.\n\n"

FILES = {
    "meson_options.txt": "option('docs', type : 'feature')\n",
    "kernel/boot/options.c": 'value_of(word, "bm.log=")',
    "tests/bench/bench.py": 'print("boot-wait  ns  1  waiting")\n',
    "bench": "# ./bench [--report scaling|queues]\n",
    "sdk/include/baremetal/time.h": "static inline int bm_sleep_until(uint64_t deadline);",
    "sdk/docs/other.md": "# Other page\n\n## A part: with `code`\n",
}


class Docs(unittest.TestCase):
    def complaints(self, text, name="sdk/docs/page.md"):
        with tempfile.TemporaryDirectory() as folder:
            for path, content in {**FILES, name: ALL_COMMANDS + text}.items():
                Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, path).write_text(content)
            return Checker(folder, HELP.__getitem__).run()

    def good(self, text, **more):
        self.assertEqual(self.complaints(text, **more), [])

    def bad(self, text, part, **more):
        found = self.complaints(text, **more)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_links(self):
        self.good("[a](other.md) [b](other.md#a-part-with-code) [c](https://example.org/x)")
        self.good("`[a](nowhere.md)`\n\n    [a](nowhere.md)\n")
        self.bad("[a](nowhere.md)", "leads nowhere")
        self.bad("[a](other.md#no-such-part)", "no heading")
        self.bad('<img src="nowhere.svg">', "leads nowhere")
        self.bad("[a](../include/baremetal/time.h)", "out of sdk/docs")
        self.good("[a](sdk/docs/other.md)", name="README.md")

    def test_paths(self):
        self.good("`kernel/boot/options.c` `kernel/boot/` `kernel/*/*.c` `sdk/NAME/x.c` `build/app`")
        self.bad("`kernel/boot/gone.c`", "not in the tree")
        self.bad("`kernel/*.rs`", "not in the tree")

    def test_commands(self):
        self.good("`baremetal run --uefi -v -- --anything`")
        self.good("    $ cd x && baremetal image -f iso\n    pkg-config --libs baremetal\n")
        self.good("    baremetal run --args '--own'\n")
        self.bad("`baremetal jump`", "no command jump")
        self.bad("`baremetal run --bios`", "no option --bios")
        self.bad("    cd x && baremetal image \\\n        --uefi\n", "no option --uefi")
        self.bad("```sh\nbaremetal --frobnicate\n```", "no option --frobnicate")
        self.assertIn("no document mentions `baremetal run`",
                      Checker(self.empty(), HELP.__getitem__).run())

    def empty(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_options(self):
        self.good("`-Ddocs=enabled` `-Dprefix=x` `-D__baremetal__` `bm.log=debug` `./bench boot-wait`")
        self.bad("`meson setup -Dgone=1`", "no such Meson option")
        self.bad("`bm.colour=red`", "the kernel knows no")
        self.bad("    ./bench boot-weight\n", "no figure")
        self.good("    ./bench --report scaling\n")
        self.bad("    ./bench --report scales\n", "no report")

    def test_lists(self):
        files = {"sdk/include/baremetal/baremetal.h": "", "sdk/include/baremetal/net.h": "",
                 "sdk/docs/api.md": "| `baremetal/net.h` | frames |\n", "pkgconfig/baremetal-net.pc.in": "",
                 "pkgconfig/baremetal-http.pc.in": "", "sdk/docs/architecture.md": "lib/baremetal-{net,http}.pc"}

        def complaints(**changed):
            folder = self.empty()
            for path, content in {**files, **changed}.items():
                Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, path).write_text(content)
            return lists(folder)

        self.assertEqual(complaints(), [])
        for change in ({"sdk/docs/api.md": ""}, {"sdk/docs/api.md": "| `baremetal/net.h`, `baremetal/net.h` |\n"},
                       {"sdk/docs/api.md": "| `baremetal/net.h` |\n| `baremetal/gone.h` |\n"},
                       {"sdk/docs/architecture.md": "lib/baremetal-net.pc"}):
            self.assertEqual(len(complaints(**change)), 1, change)

    def test_functions(self):
        self.good("`bm_sleep_until()`")
        self.bad("`bm_sleep_well()`", "in no public header")


if __name__ == "__main__":
    unittest.main()
