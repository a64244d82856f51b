#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The power tests find what is wrong: broken.py TREE COMPILER

Each rule that keeps the promise is taken out of libbmfs, one at a time; the power test, or that of moving a
file over itself, must fail then. A change of the source that leaves a rule nowhere to be taken out fails as well.
"""
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SMALL = "-DBMFS_BLOCK=UINT64_C(0x10000)"  # as in meson.build

# name: (file, what stands there, what is put there)
BROKEN = {
    "contents are not flushed before the size": (
        "record.c", "if (__atomic_load_n(&fs->data_pending, __ATOMIC_SEQ_CST)) {", "if (0) {"),
    "a freed block is used again at once": (
        "change.c", "return fs->freed_pending ? bmfs_flush(fs) : 0;", "return 0;"),
    "a name is used again at once": (
        "change.c", "int error = bmfs_change_error(fs), index;\n",
        "int error = bmfs_change_error(fs), index;\n\n\tfs->dropped_count = 0;\n"),
    "a renamed name is used again at once": (
        "change.c", "	if (over == file)\n", "	fs->dropped_count = 0;\n	if (over == file)\n"),
    "a file is moved without its contents being flushed": (
        "change.c", "file->changed = true;\n\t\terror = bmfs_commit(fs, file, false);",
        "file->changed = true;\n\t\tfs->data_pending = false;\n\t\terror = bmfs_commit(fs, file, false);"),
    "no hint where a file is replaced across sectors": (
        "change.c", "bmfs_put64(target->unused, BMFS_HINT | from);", ""),
    "replacing across sectors is not made durable": (
        "change.c", "error = bmfs_put_record(fs, to, &old_target, true);",
        "error = bmfs_put_record(fs, to, &old_target, false);"),
    "the old record is deleted first": (
        "change.c", "	*target = *record;\n	set_name(target",
        "	{ struct bmfs_record keep = *record; record->name[0] = 1;\n"
        "	bmfs_put_record(fs, from, &keep, true); *record = keep; }\n"
        "	*target = *record;\n	set_name(target"),
    "what is renamed may be in doubt": (
        "change.c", "if (fs->records_pending || fs->suspect) {", "if (0) {"),
    "sync forgets the record": (
        "record.c", "error = bmfs_commit(fs, file, true);", "error = bmfs_flush(fs);"),
    "sync does not flush": (
        "record.c", "file->pins)\n\t\terror = bmfs_flush(fs);", "file->pins)\n\t\terror = 0;"),
    "the record is not durable": (
        "record.c", "error = bmfs_commit(fs, file, true);", "error = bmfs_commit(fs, file, false);"),
    "a file grows again before its cut is on the disk": (
        "record.c", "if (file->shown <= file->size)", "if (1)"),
    "the cut is not durable before a file grows again": (
        "record.c", "return bmfs_commit(fs, file, true);", "return bmfs_commit(fs, file, false);"),
    "a cut whose record is not flushed counts as done": (
        "record.c", "if (file && ((durable && !error) || size > file->shown))", "if (file)"),
    "sectors are not read before a part is written": (
        "data.c", "if (file->size > index * size)", "if (0)"),
    "growing shows what was there before": (
        "data.c", "error = write_range(fs, file, data, size, offset);\n\tif (error)",
        "error = size > 600 ? 0 : write_range(fs, file, data, size, offset);\n\tif (error)"),
    "a file is moved over itself without its contents being flushed": (
        "slide.c", "if (__atomic_load_n(&fs->data_pending, __ATOMIC_SEQ_CST)) {", "if (0) {"),
    "how far it is moved over itself is not durable": (
        "slide.c", "bmfs_put_record(fs, (unsigned)file->record, &old, true);",
        "bmfs_put_record(fs, (unsigned)file->record, &old, false);"),
    "more is moved down than there is room for": (
        "slide.c", "bmfs_min(file->gap, contents - file->split);", "contents - file->split;"),
    "more is moved up than there is room for": (
        "slide.c", "bmfs_min(file->gap, file->split);", "file->split;"),
    "what was interrupted is read as if it were not": (
        "mount.c", "bmfs_read_slide(file, bmfs_get64(record->unused));", ";"),
    "a removed file is moved over itself before it is gone": (
        "slide.c", "error = bmfs_claim(fs);", "error = 0;"),
}


def attempt(name, tree, compiler):
    """What is wrong with this broken variant's test, or None."""
    source, old, new = BROKEN[name]
    with tempfile.TemporaryDirectory(prefix="bm-broken-") as work:
        copy = Path(work, "libbmfs")
        copy.mkdir()
        for path in Path(tree, "sdk/libbmfs").glob("*.[ch]"):
            text = path.read_text()
            if path.name == source:
                if text.count(old) != 1:
                    return f"{source} has {text.count(old)} places {old!r}, not one"
                text = text.replace(old, new)
            Path(copy, path.name).write_text(text)
        binary = str(Path(work, "test"))
        slide = "itself" in name or "room for" in name or "interrupted" in name
        subprocess.run([*compiler, "-std=gnu11", "-O1", "-w", f"-I{work}", *([SMALL] if slide else []),
                        str(Path(tree, "tests/unit/bmfs", "test_slide.c" if slide else "test_power.c")),
                        *map(str, copy.glob("*.c")), "-o", binary], check=True)
        for words in ([],) if slide else (["40", str(first)] for first in range(1, 121, 40)):
            done = subprocess.run([binary, *words], capture_output=True, text=True,
                                  errors="replace", timeout=240)
            if done.returncode:
                return None
    return "was not found"


def main():
    tree, compiler = sys.argv[1], sys.argv[2:]
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(BROKEN, pool.map(lambda name: attempt(name, tree, compiler), BROKEN)))
    for name, wrong in results.items():
        print(f"{'FAILED: ' + wrong if wrong else 'found'}: {name}")
    return 1 if any(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
