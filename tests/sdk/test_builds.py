#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Projects outside of the tree, built with an SDK under a prefix with a space in its name, and again
after it was moved: test_builds.py meson|make|cmake|autotools|compiler [gcc|clang]."""

import os
import shutil
import sys

import sdk_support
import support

SYSTEM, COMPILER = sys.argv.pop(1), sys.argv.pop(1)

MESON = """\
project('outside', 'c')
executable('program', 'program.c', 'twice.c', dependencies : dependency('baremetal'))
cc = meson.get_compiler('c')
assert(not cc.has_function('epoll_create'), 'a function of the host is there')
assert(not cc.has_header('linux/limits.h'), 'a header of the host is there')
assert(cc.has_function('nanosleep'), 'nanosleep is missing')
assert(cc.sizeof('long') == 8)
"""

# All that a Makefile needs.
MAKE = """\
CFLAGS := -O2 -Wall -Werror $(shell pkg-config --cflags baremetal)
LIBS := $(shell pkg-config --libs baremetal)
program: program.o twice.o
	$(CC) -o $@ $^ $(LIBS)
"""

CMAKE = """\
cmake_minimum_required(VERSION 3.20)
project(outside C)
include(CheckFunctionExists)
check_function_exists(epoll_create HAVE_EPOLL)
check_function_exists(nanosleep HAVE_NANOSLEEP)
if(NOT CMAKE_C_COMPILER_ID STREQUAL "$ENV{EXPECT_ID}")
  message(FATAL_ERROR "the compiler is ${CMAKE_C_COMPILER_ID}, and not $ENV{EXPECT_ID}")
endif()
include(CheckCSourceCompiles)
check_c_source_compiles("#ifdef __clang__\n#error clang\n#endif\nint main(void) { return 0; }" CHECKS_ARE_GCC)
if(CHECKS_ARE_GCC AND NOT CMAKE_C_COMPILER_ID STREQUAL GNU OR
   NOT CHECKS_ARE_GCC AND CMAKE_C_COMPILER_ID STREQUAL GNU)
  message(FATAL_ERROR "the checks used another compiler")
endif()
if(HAVE_EPOLL OR NOT HAVE_NANOSLEEP)
  message(FATAL_ERROR "the checks saw the host")
endif()
find_package(PkgConfig REQUIRED)
pkg_check_modules(BM REQUIRED baremetal)
add_library(lib STATIC twice.c)
add_executable(program program.c)
target_link_libraries(program lib)
baremetal_image(program --bios-only --args "from cmake")
"""

AUTOTOOLS = {
    "configure.ac": """\
AC_INIT([outside], [1])
AM_INIT_AUTOMAKE([foreign subdir-objects])
AC_PROG_CC
AM_PROG_AR
AC_PROG_RANLIB
AC_CHECK_HEADERS([linux/limits.h dirent.h])
AC_CHECK_FUNCS([epoll_create nanosleep])
AC_CHECK_SIZEOF([long])
AC_SEARCH_LIBS([sqrt], [m])
AS_IF([test "$ac_cv_func_epoll_create$ac_cv_header_linux_limits_h" != nono],
  [AC_MSG_ERROR([the host is seen])])
AS_IF([test "$ac_cv_func_nanosleep$ac_cv_header_dirent_h$ac_cv_sizeof_long" != yesyes8],
  [AC_MSG_ERROR([the SDK is not seen])])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
""",
    "Makefile.am": """\
noinst_LIBRARIES = libtwice.a
libtwice_a_SOURCES = twice.c
bin_PROGRAMS = program
program_SOURCES = program.c
program_LDADD = libtwice.a
""",
}


class Builds(sdk_support.Installed):
    def sources(self, **files):
        folder = self.path("a project")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name in ("program.c", "twice.c"):
            shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), folder)
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        return folder

    def build(self):
        """Build with this test's system and compiler; returns the programs that must boot."""
        env = {"BAREMETAL_CC": COMPILER, "CC": COMPILER}
        if SYSTEM == "meson":
            folder = self.sources(**{"meson.build": MESON})
            del env["CC"]
            self.sh("meson setup --cross-file baremetal build && meson compile -C build", cwd=folder, env=env)
            return [os.path.join(folder, "build/program")]
        if SYSTEM == "make":
            folder = self.sources(Makefile=MAKE)
            self.sh('unset BAREMETAL_CC; make CC="$CC"', cwd=folder, env=env)
            return [os.path.join(folder, "program")]
        if SYSTEM == "cmake":
            folder = self.sources(**{"CMakeLists.txt": CMAKE})
            identity = {"EXPECT_ID": {"gcc": "GNU", "clang": "Clang"}[COMPILER]}
            for option, cc in (("-DCMAKE_C_COMPILER=" + COMPILER, ""), ("-DX=", COMPILER)):
                shutil.rmtree(os.path.join(folder, "build"), ignore_errors=True)
                # Configured twice, and built without the environment that names the compiler.
                self.sh('PATH=${PATH#*:}; for run in 1 2; do BAREMETAL_CC=$2 cmake -B build '
                        '-DCMAKE_BUILD_TYPE=Release "$3" '
                        '-DCMAKE_TOOLCHAIN_FILE="$1/share/cmake/baremetal-toolchain.cmake"; done && '
                        'cmake --build build && cmake --build build --target program-image',
                        self.sdk, cc, option, cwd=folder, env=identity)
                comment = self.sh('readelf -p .comment "$(find build -name "program.c.o*" ! -name "*.d")"',
                                  cwd=folder).out
                self.assertEqual("clang" in comment, COMPILER == "clang", comment)
            self.boots(os.path.join(folder, "build/program.iso"), "from 42", 7)
            return [os.path.join(folder, "build/program")]
        if SYSTEM == "autotools":
            folder = self.sources(**AUTOTOOLS)
            del env["CC"]
            self.sh('autoreconf -fi && mkdir build && cd build && '
                    '../configure --host=x86_64-elf CC=baremetal-cc CFLAGS=-O2 && make',
                    cwd=folder, env=env)
            return [os.path.join(folder, "build/program")]
        folder = self.sources()
        self.sh('baremetal-cc -O2 -o one program.c twice.c && baremetal-cc -c program.c twice.c && '
                'baremetal-cc -o two program.o twice.o -lm && baremetal-cc -static -o three *.o && '
                'baremetal-cc -x c -c -o y.o - <twice.c && cat twice.c | baremetal-cc -o four '
                'program.c -x c -', cwd=folder, env={**env, "LC_ALL": "C"})
        return [os.path.join(folder, name) for name in ("one", "two", "three", "four")]

    def test_builds_and_boots(self):
        for place in ("installed", "moved"):
            with self.subTest(place=place):
                if place == "moved":
                    self.move()
                for program in self.build():
                    self.boots(program, "a word 42 2.000\n", 7, "--", "a word", "two")


if __name__ == "__main__":
    support.main()
