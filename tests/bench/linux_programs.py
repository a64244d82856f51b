# SPDX-License-Identifier: MIT
"""Programs and kernel modules of Debian's in a Linux guest: an initramfs with all that they need.

Packages are fetched with apt-get and unpacked into the cache folder; nothing is installed.
"""

import re
import subprocess
from pathlib import Path

from counting import HERE, BenchError, run_tool
import linux

LIBRARY_FOLDERS = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "lib", "usr/lib",
                   "usr/lib/x86_64-linux-gnu/ceph"]
PACKAGES_MAX = 120


def fetch_packages(root, names):
    """Unpack packages into a folder, those that are not there yet."""
    marks = root / ".fetched"
    marks.mkdir(parents=True, exist_ok=True)
    names = sorted(n for n in names if not (marks / n).exists())
    if not names:
        return
    for old in root.glob("*.deb"):
        old.unlink()
    try:
        subprocess.run(["apt-get", "-q", "download", *names], cwd=root, check=True,
                       capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{' '.join(names)}: cannot be fetched: {error.stderr.strip()}") from None
    for package in root.glob("*.deb"):
        run_tool(["dpkg-deb", "-x", package, root])
        package.unlink()
    for name in names:
        (marks / name).touch()


def libraries_of(packages):
    """The packages of libraries that packages depend on."""
    shown = run_tool(["apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts",
                      "--no-breaks", "--no-replaces", "--no-enhances", *sorted(packages)])
    return {n for n in re.findall(r"^ *\|?Depends: ([a-z0-9.+-]+)$", shown, re.MULTILINE)
            if n.startswith(("lib", "zlib"))}


def find_library(root, name):
    for place in LIBRARY_FOLDERS:
        if (found := root / place / name).exists():
            return found
    return None


def libraries(root, program):
    """({name: file} of all shared libraries that a program loads, those that are missing)"""
    files, missing, todo = {}, set(), [program]
    while todo:
        shown = run_tool(["readelf", "-d", todo.pop()])
        for name in re.findall(r"\(NEEDED\).*\[(.+)\]", shown):
            if name in files or name in missing:
                continue
            if found := find_library(root, name):
                files[name] = found
                todo.append(found)
            else:
                missing.add(name)
    return files, missing


def program_files(cache, package, program):
    """{path in the guest: file} for a program and its libraries, whatever packages they are in."""
    root, asked, new = Path(cache) / f"programs-{package}", set(), {package}
    while True:
        fetch_packages(root, new)
        asked |= new
        files, missing = libraries(root, root / program)
        if not missing:
            break
        new = libraries_of(asked) - asked
        if not new or len(asked) + len(new) > PACKAGES_MAX:
            raise BenchError(f"no package of {package}'s has {', '.join(sorted(missing))}")
    loader = find_library(root, "ld-linux-x86-64.so.2")
    return {f"/{program}": root / program, "/lib64/ld-linux-x86-64.so.2": loader,
            **{f"/lib/{name}": path for name, path in files.items()}}


def module_files(kernel, names):
    """Modules with those that they need, in the order of loading; built-in ones are left out."""
    base = Path(kernel).parents[1] / "lib" / "modules"
    paths = {p.stem.replace("_", "-"): p for p in base.rglob("*.ko")}
    order = []

    def add(name):
        path = paths.get(name.replace("_", "-"))
        if path is None or path in order:
            return
        depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for other in depends[1].decode().split(",") if depends else []:
            add(other)
        order.append(path)

    for name in names:
        add(name)
    return order


def initrd(folder, kernel, files, modules, script):
    """The archive; `script` is what guest/linux_script.c does once the modules are loaded."""
    init, archive = Path(folder) / "linux_script", Path(folder) / "linux_programs.cpio"
    run_tool(["cc", "-O2", "-static", "-o", init, HERE / "guest" / "linux_script.c"])
    members = {"/init": init, **files}
    lines = []
    for path in module_files(kernel, [m.split()[0] for m in modules]):
        members[f"/modules/{path.name}"] = path
        own = [m for m in modules if m.split()[0].replace("_", "-") ==
               path.name.split(".")[0].replace("_", "-")]
        lines.append(f"load /modules/{path.name} {' '.join(own[0].split()[1:]) if own else ''}")
    folders = set()
    with open(archive, "wb") as out:
        for name, path in members.items():
            for parent in reversed(Path(name).parents):
                if str(parent) != "/" and parent not in folders:
                    folders.add(parent)
                    out.write(linux.cpio_entry(str(parent)[1:].encode(), 0o40755, b""))
            out.write(linux.cpio_entry(name[1:].encode(), 0o100755, path.read_bytes()))
        text = "\n".join([*lines, *script, ""]).encode()
        out.write(linux.cpio_entry(b"script", 0o100644, text))
        out.write(linux.cpio_entry(b"TRAILER!!!", 0, b""))
    return archive
