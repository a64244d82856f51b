#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Copy a disk to another one in a guest, and compare the images here: blockcopy.py MACHINE CORES KERNEL APP
FROM-NAME FROM-DEVICE TO-NAME TO-DEVICE

The drives of the devices are called a and b. The source's size is no multiple of 4,096 bytes.
"""
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
import run_guest  # noqa: E402

SIZE = (8 << 20) + 3 * 512


def main():
    machine, cores, kernel, app, source, source_device, target, target_device = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="bm-copy-") as folder:
        content = random.Random(6).randbytes(SIZE)
        with open(f"{folder}/a", "wb") as file:
            file.write(content)
        with open(f"{folder}/b", "wb") as file:
            file.truncate(SIZE + 64 * 1024 - 3 * 512)
        drives = "".join(f"-drive if=none,id={d},format=raw,cache=unsafe,file={folder}/{d} " for d in "ab")
        status = run_guest.main(["--kernel", kernel, "--machine", machine, "--cores", cores, "--timeout", "120",
                                 "--append", f"{source} {target}",
                                 "--qemu", f"{drives} -device {source_device} -device {target_device}",
                                 "--expect-output", r"copy: 100 %  8 of 8 MiB  \d+\.\d MiB/s",
                                 "--expect-output", rf"the disks are the same in these {SIZE} bytes", app])
        if not status:
            with open(f"{folder}/b", "rb") as file:
                if file.read(SIZE) != content:
                    print("FAILED: the images differ")
                    status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
