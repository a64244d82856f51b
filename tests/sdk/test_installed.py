#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is installed: complete, and without a trace of the build tree or of the host."""

import glob
import os
import re
import stat

import sdk_support
import support
from support import run

EXPECTED = """
lib/baremetal/bin/ld bin/baremetal bin/baremetal-cc bin/baremetal-pkg-config lib/pkgconfig/baremetal.pc
lib/baremetal/kernel.elf lib/baremetal/app.ld lib/baremetal/sysroot/usr/include/stdio.h
lib/baremetal/sysroot/usr/include/baremetal/api.h lib/baremetal/sysroot/usr/lib/crt0.o
lib/baremetal/sysroot/usr/lib/libbaremetal.a lib/baremetal/sysroot/usr/lib/libc.a
lib/baremetal/sysroot/usr/lib/libm.a share/meson/cross/baremetal
share/cmake/baremetal-toolchain.cmake share/baremetal/templates/hello/meson.build
share/baremetal/templates/parallel/meson.build share/baremetal/templates/threads/root/sonnet.txt
share/baremetal/templates/wordcount/root/welcome.txt share/man/man1/baremetal.1
share/bash-completion/completions/baremetal bin/bmfs share/man/man1/bmfs.1
share/bash-completion/completions/bmfs share/baremetal/templates/storage/src/main.c
lib/baremetal/sysroot/usr/include/baremetal/bmfs.h lib/baremetal/sysroot/usr/include/sys/mman.h
""".split()


class Files(sdk_support.Installed):
    def files(self):
        for folder, _, names in os.walk(self.sdk):
            for name in names:
                path = os.path.join(folder, name)
                yield os.path.relpath(path, self.sdk), path

    def test_complete(self):
        have = {name for name, _ in self.files()}
        self.assertEqual([name for name in EXPECTED if name not in have], [])
        self.assertEqual([name for name in have if "__pycache__" in name or name.endswith(".pyc")], [])
        self.assertEqual({name.split("/")[0] for name in have}, {"bin", "lib", "share"})

    def test_no_build_tree(self):
        """No installed file names the source tree, the build tree or the configured prefix."""
        words = {os.environ[n].encode() for n in ("SOURCE", "BUILD", "PREFIX")}
        words = {w for w in words if len(w) > 5}  # a prefix of /usr says nothing
        wrong = []
        for name, path in self.files():
            with open(path, "rb") as file:
                data = file.read()
            wrong += [f"{name}: {word.decode()}" for word in words if word in data]
        self.assertEqual(wrong, [])

    def test_rights(self):
        for name, path in self.files():
            mode = os.lstat(path).st_mode
            self.assertFalse(stat.S_ISLNK(mode) and os.readlink(path).startswith("/"), name)
            if name.startswith("bin/"):
                self.assertEqual(mode & 0o555, 0o555, name)

    def test_no_host_headers(self):
        """Every header that a program can reach is the SDK's or the compiler's own."""
        headers = []
        include = os.path.join(self.sdk, "lib/baremetal/sysroot/usr/include")
        for folder, _, names in os.walk(include):
            headers += [os.path.relpath(os.path.join(folder, n), include) for n in names]
        usable = [h for h in headers if "/" not in h or h.startswith(("sys/", "baremetal/"))]
        self.assertGreater(len(usable), 50)
        for compiler in ("gcc", "clang"):
            seen = 0
            for header in sorted(usable):
                self.write("x.c", f"#include <{header}>\n".encode())
                done = self.sh_any("baremetal-cc -M x.c", env={"BAREMETAL_CC": compiler})
                if done.status:
                    continue  # one that needs another before it, or is for another language
                seen += 1
                for path in re.findall(r"(?:\\ |\S)+", done.out.replace("\\\n", " "))[2:]:
                    path = path.replace("\\ ", " ").replace("\\#", "#")
                    real = os.path.realpath(os.path.join(self.folder, path))
                    self.assertRegex(real, "^(" + re.escape(self.sdk) + r"|/usr/lib/(gcc|llvm-))")
            self.assertGreater(seen, 40)

    def test_host_headers_are_absent(self):
        for compiler in ("gcc", "clang"):
            for header in ("linux/limits.h", "sys/inotify.h", "gnu/libc-version.h", "execinfo.h"):
                self.write("x.c", f"#include <{header}>\n".encode())
                done = self.sh_any("baremetal-cc -E x.c", env={"BAREMETAL_CC": compiler})
                self.assertNotEqual(done.status, 0, f"{header} is there")
                done = self.sh_any('eval "$CC $(pkg-config --cflags baremetal) -E x.c"',
                                   env={"CC": compiler})
                self.assertNotEqual(done.status, 0, f"{header} is there")

    def test_host_macros_are_absent(self):
        for compiler in ("gcc", "clang"):
            done = self.sh("echo | baremetal-cc -dM -E -x c -", env={"BAREMETAL_CC": compiler})
            macros = dict(re.findall(r"#define (\w+) (.*)", done.out))
            self.assertIn("__baremetal__", macros)
            self.assertEqual([m for m in macros if re.fullmatch(r"_*(linux|unix|gnu_linux)_*", m)], [])

    def test_headers_alone(self):
        """Each public header compiles alone, as C and as C++."""
        include = os.path.join(self.sdk, "lib/baremetal/sysroot/usr/include/baremetal")
        for name in sorted(os.listdir(include)):
            self.write("x.c", f"#include <baremetal/{name}>\n".encode())
            self.sh("baremetal-cc -Wall -Wextra -Werror -pedantic -std=c11 -fsyntax-only x.c")


class Compiler(sdk_support.Installed):
    def test_shared_is_refused(self):
        self.write("x.c", b"int x;\n")
        done = self.sh_any("baremetal-cc -shared -o x.so x.c")
        self.assertEqual(done.status, 1)
        self.assertIn("no shared libraries", done.err)

    def test_questions(self):
        self.assertEqual(self.sh("baremetal-cc -dumpmachine").out, "x86_64-elf\n")
        self.assertRegex(self.sh("baremetal-cc --version").out, "^gcc")
        self.assertRegex(self.sh("BAREMETAL_CC=clang baremetal-cc --version").out, "clang")
        done = self.sh_any("BAREMETAL_CC=nonesuch baremetal-cc x.c")
        self.assertEqual(done.status, 1)
        self.assertIn("apt-get install nonesuch", done.err)

    def test_missing_function_fails(self):
        self.write("x.c", b"int epoll_create(int); int main(void) { return epoll_create(1); }\n")
        done = self.sh_any("baremetal-cc x.c")
        self.assertIn("undefined reference", done.err)

    def test_no_host_libraries(self):
        """-lNAME finds the SDK's libraries alone: libanl comes with every glibc's headers."""
        self.assertTrue(glob.glob("/usr/lib/*/libanl.a"), "the host has none to be found")
        self.write("e.c", b"int main(void) { return 0; }\n")
        self.good(self.sh_any("baremetal-cc e.c -o e -lrt"))
        for command in ("baremetal-cc e.c -o e -lanl",
                        "make -f - <<'E'\nall: ; gcc $(shell pkg-config --cflags baremetal) e.c -o e -lanl "
                        "$(shell pkg-config --libs baremetal)\nE"):
            done = self.sh_any(command)
            self.assertNotEqual(done.status, 0, str(done))
            self.assertIn("cannot find -lanl", done.out + done.err)

    def test_pkg_config(self):
        self.write("gnutls.pc", b"")
        self.sh("baremetal-pkg-config --exists baremetal")
        self.assertNotEqual(self.sh_any("baremetal-pkg-config --exists zlib").status, 0)
        version = self.sh("baremetal-pkg-config --modversion baremetal").out.strip()
        self.assertEqual(self.sh("baremetal --version").out, f"baremetal {version}\n")
        self.assertTrue(os.path.samefile(
            self.sh("pkg-config --variable=kernel baremetal").out.strip().replace("\\ ", " "),
            os.path.join(self.sdk, "lib/baremetal/kernel.elf")))

    def test_partial_link(self):
        self.write("x.c", b"int x;\n")
        self.sh("baremetal-cc -c x.c && baremetal-cc -r -o y.o x.o && test -s y.o")


class Tool(sdk_support.Installed):
    def test_env(self):
        """`eval "$(baremetal env)"` in a shell, twice, and XDG's own folders stay."""
        done = self.good(run("sh", "-euc", 'eval "$("$1" env)"; eval "$("$1" env)"; '
                             'echo "$XDG_DATA_DIRS"; command -v baremetal; pkg-config --modversion baremetal',
                             "sh", self.tool_path,
                             env={"XDG_DATA_DIRS": "", "PKG_CONFIG_PATH": ""}))
        lines = done.out.splitlines()
        self.assertEqual(lines[0], self.sdk + "/share:/usr/local/share:/usr/share")
        self.assertEqual(lines[1], self.tool_path)

    def test_info(self):
        done = self.good(run(self.tool_path, "info"))
        self.assertIn(self.sdk, done.out)
        self.assertRegex(done.out, r"(?m)^templates: +hello, (openmp, )?parallel, storage, (tcp, )?threads, (udp, )?(web, )?wordcount$")
        self.assertRegex(done.out, r"(?m)^kernel size: +[\d,]+ bytes")

    def test_doctor(self):
        done = self.good(run(self.tool_path, "doctor"))
        self.assertNotIn("MISSING", done.out)
        os.rename(os.path.join(self.sdk, "lib/baremetal/kernel.elf"), self.path("k"))
        try:
            done = self.good(run(self.tool_path, "doctor"), 1)
            self.assertRegex(done.out, r"MISSING +kernel.elf")
        finally:
            os.rename(self.path("k"), os.path.join(self.sdk, "lib/baremetal/kernel.elf"))

    def test_place_that_cannot_be_used(self):
        """Where pkg-config would print nonsense, the tool says so."""
        for name in ("a:b", "it's", "(1)", "ü"):
            place = os.path.join(self.place, name)
            os.rename(self.sdk, place)
            try:
                self.problem(run(place + "/bin/baremetal", "env"), "move it to another folder")
                self.assertRegex(self.good(run(place + "/bin/baremetal", "doctor"), 1).out, "WRONG +prefix")
            finally:
                os.rename(place, self.sdk)

    def test_manual_page(self):
        """It has no complaints, and names every command and option that there is."""
        page = os.path.join(self.sdk, "share/man/man1/baremetal.1")
        done = self.good(run("man", "--warnings=w", "-E", "UTF-8", "-l", page,
                             env={"MANWIDTH": "300", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}))
        self.assertEqual(done.err, "")
        text = re.sub(r".\b", "", done.out) if "\b" in done.out else done.out
        for command, options in self.options().items():
            self.assertIn(f"baremetal {command}", text)
            for option in options - {"--help", "-h"}:
                self.assertRegex(text, re.escape(option) + r"\b", f"{command} {option}")

    def options(self):
        """{command: its options}, from --help."""
        commands = re.findall(r"(?m)^    ([a-z]+) ", self.good(run(self.tool_path, "--help")).out)
        self.assertGreater(len(commands), 7)
        return {c: self.listed(c) for c in commands}

    def listed(self, *command):
        """The options that a --help lists: a text beside one may speak of others."""
        lines = re.findall(r"(?m)^  (-.*?)(?:  .*)?$", run(self.tool_path, *command, "--help").out.split("options:")[1])
        return {word for line in lines for word in re.findall(r"(?:^|, )(--?[a-zA-Z][a-z-]*)", line)}

    def complete(self, line):
        """What bash offers at the end of a line."""
        script = ('. /usr/share/bash-completion/bash_completion 2>/dev/null; . "$1"; '
                  'COMP_LINE=$2; eval "set -- $2"; COMP_WORDS=("$@"); '
                  'case $COMP_LINE in *" ") COMP_WORDS+=("");; esac; '
                  'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _baremetal; printf "%s\\n" "${COMPREPLY[@]}"')
        done = self.good(support.Done("complete", support.subprocess.run(
            ["bash", "-c", script, "bash",
             os.path.join(self.sdk, "share/bash-completion/completions/baremetal"), line],
            capture_output=True, cwd=self.folder, env=self.env)))
        self.assertEqual(done.err, "")
        return done.out.split("\n")[:-1]

    def test_completion(self):
        self.write("my image.iso")
        os.mkdir(self.path("folder"))
        commands = sorted(self.options())
        self.assertEqual(self.complete("baremetal "), commands)
        self.assertEqual(self.complete("baremetal do"), ["doctor"])
        for command, options in self.options().items():
            self.assertEqual(set(self.complete(f"baremetal {command} -")), options - {"-"})
        self.assertEqual(self.complete("baremetal new --template "), 
                         sorted(os.listdir(os.path.join(self.sdk, "share/baremetal/templates"))))
        self.assertEqual(self.complete("baremetal image -f "), ["disk", "elf", "iso"])
        self.assertEqual(self.complete("baremetal run my"), ["my image.iso"])
        self.assertEqual(self.complete("baremetal image --root f"), ["folder"])
        self.assertEqual(self.complete("baremetal run x -- -"), [""])
        self.assertEqual(self.complete("baremetal disk "), ["create"])
        self.assertIn("--from", self.complete("baremetal disk create -"))
        self.assertEqual(set(self.complete("baremetal disk create -")), self.listed("disk", "create"))
        for line, text in (("disk create", "--disk"), ("image", "-kernel"), ("run", "-cc")):
            self.assertNotIn(text, self.complete(f"baremetal {line} -"))
        self.assertIn("-C", self.complete("baremetal build -"))
        self.assertEqual(self.complete("baremetal run --disk my"), ["my image.iso"])


if __name__ == "__main__":
    support.main()
