#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""OpenMP from outside of the tree: -fopenmp with each way to call the compiler."""

import os

import sdk_support
import support

PROGRAM = b"""\
#include <omp.h>
#include <stdio.h>
int main(void)
{
	long sum = 0;
	int threads = 0;
	omp_nest_lock_t lock; /* its size differs between libraries */
	long guard[2] = {7, 7};

	omp_init_nest_lock(&lock);
#pragma omp parallel reduction(+ : sum)
	{
#pragma omp single
		threads = omp_get_num_threads();
#pragma omp for
		for (long i = 1; i <= 1000; i++)
			sum += i;
		omp_set_nest_lock(&lock);
		omp_unset_nest_lock(&lock);
	}
	printf("sum %ld by %d threads, guard %ld\\n", sum, threads, guard[0] + guard[1]);
}
"""
OUTPUT = "sum 500500 by 3 threads, guard 14\n"


class OpenMP(sdk_support.Installed):
    def setUp(self):
        super().setUp()
        self.write("x.c", PROGRAM)

    def check(self, app):
        self.boots(self.path(app), OUTPUT, 0, "--args", "OMP_NUM_THREADS=3")
        done = self.good(support.run(self.tool_path, "run", "--accel", "tcg", "--cores", "2", self.path(app)))
        self.assertIn("sum 500500 by 2 threads", done.out)

    def test_compiler(self):
        self.sh("baremetal-cc -O2 -Wall -Werror -fopenmp x.c -o app")
        self.check("app")
        self.sh("baremetal-cc -O2 -fopenmp -c x.c && baremetal-cc -fopenmp x.o -o two-steps")
        self.check("two-steps")

    def test_pkg_config(self):
        quoted = 'eval "gcc -O2 $(pkg-config --cflags baremetal-openmp) x.c -o app $(pkg-config --libs baremetal-openmp)"'
        self.sh(quoted)
        self.check("app")

    def test_meson(self):
        self.write("meson.build", b"project('x', 'c')\n"
                   b"executable('app', 'x.c', dependencies : dependency('baremetal-openmp'))\n")
        self.sh("meson setup --cross-file baremetal build && meson compile -C build")
        self.check("build/app")

    def test_refusals(self):
        done = self.sh_any("BAREMETAL_CC=clang baremetal-cc -fopenmp x.c")
        self.assertEqual(done.status, 1)
        self.assertIn("OpenMP needs gcc", done.err)
        header = os.path.join(self.sdk, "lib/baremetal/sysroot/usr/include/omp.h")
        os.rename(header, self.path("omp.h"))
        try:
            done = self.sh_any("baremetal-cc -fopenmp x.c")
            self.assertEqual(done.status, 1)
            self.assertIn("built without OpenMP", done.err)
        finally:
            os.rename(self.path("omp.h"), header)


if __name__ == "__main__":
    support.main()
