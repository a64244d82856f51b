#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run one fuzz target for a while: run_fuzz.py TARGET BINARY ARTIFACTS

10 seconds from the seeds alone; with CHECK_LONG set 300 seconds, on a corpus that stays in
ARTIFACTS/TARGET. Fails on a crash, a sanitizer's report, a slow input, and on a run so
short that nothing was tried. The input that did it is kept in ARTIFACTS.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    target, binary, artifacts = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    long = bool(os.environ.get("CHECK_LONG"))
    artifacts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bm-fuzz-") as work:
        seeds, corpus = Path(work, "seeds"), Path(work, "corpus")
        if long:
            corpus = artifacts / target
        corpus.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-B", str(HERE / "seeds.py"), target, str(seeds)], check=True)
        command = [binary, f"-max_total_time={300 if long else 10}", "-timeout=10", "-rss_limit_mb=2048",
                   "-max_len=65536", "-print_final_stats=1", "-verbosity=1",
                   f"-artifact_prefix={artifacts}/{target}-", str(corpus), str(seeds)]
        if not long:
            command.insert(1, "-seed=1")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    count = int(runs[1]) if runs else 0
    if done.returncode or count < 1000:
        print(done.stdout[-8000:])
        print(f"FAILED: {target}: status {done.returncode} after {count} inputs")
        return 1
    covered = re.findall(r"cov: (\d+)", done.stdout)
    print(f"{target}: {count} inputs, {covered[-1] if covered else '?'} edges covered")
    return 0


if __name__ == "__main__":
    sys.exit(main())
