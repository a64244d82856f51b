#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The figures of ./bench that are exact and take seconds keep their limits: what tasks, threads and locks cost."""

import os
import sys

import sdk_support
import support

BENCH = os.path.join(os.environ["SOURCE"], "tests", "bench", "bench.py")


class Costs(sdk_support.Installed):
    def test_limits(self):
        self.good(support.run(sys.executable, "-B", BENCH, "--prefix", self.sdk,
                              "--work", self.path("work"), "counter-error", "task", "thread",
                              "mutex", "api-call"))


if __name__ == "__main__":
    support.main()
