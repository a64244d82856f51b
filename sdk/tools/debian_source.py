#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fetch and unpack a Debian source package: debian_source.py NAME --out DIR

For the parts of the project that are built from other people's source. The package comes by
apt's own client, verified by apt, from the distribution that this system is configured for; the
system's own lists and settings stay as they are, and no root is needed. The files are kept in a
cache folder, and a complete package that lies there needs no network and no apt:

    ${BAREMETAL_SOURCES:-${XDG_CACHE_HOME:-~/.cache}/baremetal-sdk/sources}

To work without a network, put there what `apt-get source --download-only NAME` brings elsewhere.
Two runs at once, and interrupted ones, leave each other's results whole. From Python:
obtain(NAME, DIR). It installs nothing, and builds nothing.
"""
import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

# What a suite may be called, beside the code name of the running system.
ALIASES = {"stable", "oldstable", "testing", "unstable", "sid"}
POCKETS = ("", "-updates", "-security", "/updates", "-proposed-updates")
# Options of one-line entries that concern binary packages.
BINARY_OPTIONS = {"arch", "lang", "target"}
STAMP = ".debian-source"
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
VERSION = re.compile(r"[A-Za-z0-9.+~:-]+")


class SourceError(Exception):
    """What is wrong, and what to do about it."""


def say(text):
    print(f"debian-source: {text}", file=sys.stderr, flush=True)


# The system's sources


@dataclass
class Entry:
    """One repository, as a paragraph of a .sources file has it."""
    uris: list
    suites: list
    components: list
    options: dict = field(default_factory=dict)  # further fields

    def paragraph(self):
        lines = ["Types: deb-src", "URIs: " + " ".join(self.uris), "Suites: " + " ".join(self.suites),
                 "Components: " + " ".join(self.components)]
        return "\n".join(lines + [f"{name}: {value}" for name, value in self.options.items()]) + "\n"


def parse_one_line(text):
    """Entries of a .list file: deb [option=value …] URI suite component…"""
    for line in text.splitlines():
        match = re.match(r"\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+\S+)*)\s*$",
                         line.split("#")[0])
        if not match:
            continue
        options = {}
        for word in (match[1] or "").split():
            name, _, value = word.partition("=")
            name = name.rstrip("+-").lower()
            if value and name not in BINARY_OPTIONS:
                options[name.title()] = value.replace(",", " ")
        yield Entry([match[2]], [match[3]], match[4].split(), options)


def parse_deb822(text):
    """Entries of a .sources file."""
    for paragraph in re.split(r"\n[ \t]*(?:\n[ \t]*)+", "\n" + text.replace("\r\n", "\n") + "\n\n"):
        fields, name = {}, None
        for line in paragraph.split("\n"):
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                if name:
                    fields[name] += "\n" + line
                continue
            name, colon, value = line.partition(":")
            name = name.strip().lower()
            if not colon:
                name = None
                continue
            fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off", "without", "disable"):
            continue
        if not {"deb", "deb-src"} & set(fields.get("types", "").split()):
            continue
        known = {"types", "uris", "suites", "components", "enabled", "architectures", "languages",
                 "targets", "x-repolib-name"}
        yield Entry(fields.get("uris", "").split(), fields.get("suites", "").split(),
                    fields.get("components", "").split(),
                    {n.title(): v for n, v in fields.items() if n not in known})


def of_distribution(entries, codename):
    """What of these entries belongs to the distribution itself, each place once, for its sources.
    Other people's repositories and backports are left out: what they hold is of another version."""
    names = ALIASES | ({codename} if codename else set())
    suites = {name + pocket for name in names for pocket in POCKETS}
    seen, kept = set(), []
    for entry in entries:
        uris = [u for u in entry.uris if not u.startswith("cdrom:")]
        for suite in entry.suites:
            key = (tuple(uris), suite.rstrip("/"))
            if uris and suite in suites and "main" in entry.components and key not in seen:
                seen.add(key)
                kept.append(Entry(uris, [suite], ["main"], entry.options))
    return kept


def system_entries(config):
    """All entries that apt is configured with. config(name) answers as apt-config does."""
    entries = []
    paths = [Path(config("Dir::Etc::sourcelist/f"))]
    parts = Path(config("Dir::Etc::sourceparts/d"))
    if parts.is_dir():
        paths += sorted(p for p in parts.iterdir() if p.suffix in (".list", ".sources"))
    for path in paths:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        entries += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    return entries


def codename():
    """Of the running system, or None."""
    try:
        match = re.search(r'^VERSION_CODENAME="?([\w-]+)', Path("/etc/os-release").read_text(), re.M)
    except OSError:
        return None
    return match[1] if match else None


# A package in the cache


def parse_dsc(text):
    """(source, version, {file: (sha256, size)}) of a .dsc file."""
    source = re.search(r"^Source: *(\S+)\s*$", text, re.M)
    version = re.search(r"^Version: *(\S+)\s*$", text, re.M)
    sums = re.search(r"^Checksums-Sha256:[ \t]*\n((?:[ \t]+\S.*\n)+)", text, re.M)
    files = {}
    for line in sums[1].splitlines() if sums else []:
        words = line.split()
        if len(words) != 3 or not re.fullmatch(r"[0-9a-f]{64}", words[0]) or not words[1].isdigit() or \
                not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+~_-]*", words[2]):
            raise ValueError(f"a strange line among its checksums: {line.strip()[:80]}")
        files[words[2]] = (words[0], int(words[1]))
    if not source or not NAME.fullmatch(source[1]) or not version or \
            not VERSION.fullmatch(version[1]) or not files:
        raise ValueError("it does not say its source, its version and its files")
    return source[1], version[1], files


def problem_with(dsc):
    """Why the package of this .dsc cannot be used, or None."""
    try:
        _, _, files = parse_dsc(dsc.read_text(errors="replace"))
        for name, (digest, size) in files.items():
            path = dsc.parent / name
            if not path.exists():
                return f"{name} is not beside it"
            if path.stat().st_size != size:
                return f"{name} is not {size} bytes long"
            with open(path, "rb") as file:
                actual = hashlib.sha256()
                while piece := file.read(1 << 20):
                    actual.update(piece)
            if actual.hexdigest() != digest:
                return f"{name} has another content than it says"
    except (OSError, ValueError) as error:
        return str(error)
    return None


def newer(a, b):
    """Whether Debian version a is greater than b."""
    return subprocess.run(["dpkg", "--compare-versions", a, "gt", b]).returncode == 0


def find_cached(name, version, cache):
    """The .dsc of the newest complete package of that name (and version), or None; and complaints."""
    best, complaints = None, []
    for dsc in sorted(cache.glob(f"{name}_*.dsc")) if cache.is_dir() else []:
        problem = problem_with(dsc)
        if problem:
            complaints.append(f"{dsc}: {problem}")
            continue
        source, here, _ = parse_dsc(dsc.read_text(errors="replace"))
        if source == name and version in (None, here) and (best is None or newer(here, best[1])):
            best = dsc, here
    return best[0] if best else None, complaints


# Fetching


@contextlib.contextmanager
def locked(path):
    """Hold a lock file; say so when another run has it."""
    with open(path, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that uses {path.parent}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command, folder):
    """(status, output); a terminal sees the command's own progress as well."""
    env = os.environ | {"LC_ALL": "C"}
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = bytearray()
    try:
        while piece := process.stdout.read1(65536):
            output += piece
            if sys.stderr.isatty():
                sys.stderr.buffer.write(piece)
                sys.stderr.flush()
        return process.wait(), output.decode("utf-8", "replace")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        process.stdout.close()


def apt_config(name):
    done = subprocess.run(["apt-config", "shell", "VALUE", name], capture_output=True, text=True)
    match = re.search(r"^VALUE='(.*)'$", done.stdout, re.M)
    return match[1] if match else "/nonexistent"


def write_settings(state, entries):
    """apt's settings and sources for us alone; returns the file of the settings."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "debian.sources").write_text("\n".join(entry.paragraph() for entry in entries))
    settings = {"Dir::Etc::SourceList": state / "debian.sources", "Dir::Etc::SourceParts": "/dev/null",
                "Dir::State::Lists": state / "lists", "Dir::Cache": state / "cache",
                "Acquire::Languages": "none", "Acquire::Retries": "2", "Acquire::http::Timeout": "30",
                "Acquire::https::Timeout": "30"}
    if os.geteuid() == 0:
        settings["APT::Sandbox::User"] = "root"  # the cache need not be readable for another user
    # What the system does after its own update does not concern this one.
    lines = [f"#clear APT::Update::{hook};" for hook in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")]
    for name, value in settings.items():
        if '"' in str(value) or "\n" in str(value):
            raise SourceError(f"{value}: apt cannot work in a folder of such a name; "
                              "set BAREMETAL_SOURCES to another one")
        lines.append(f'{name} "{value}";')
    (state / "apt.conf").write_text("\n".join(lines) + "\n")
    return state / "apt.conf"


def by_hand(name, cache):
    return (f"With a network elsewhere: run `apt-get source --download-only {name}` there, and put its files "
            f"into {cache} (or name their folder in BAREMETAL_SOURCES).")


def explain(name, cache, updated, output):
    """A SourceError for what apt said."""
    wrong = "\n".join(line for line in (updated + "\n" + output).splitlines()
                      if re.match(r"[EW]: |Err:", line.strip()))
    if re.search(r"NO_PUBKEY|is not signed|couldn't be verified|EXPKEYSIG", wrong):
        fix = "The mirror's signature cannot be verified: install debian-archive-keyring, or mend the " \
              "system's sources and clock."
    elif re.search(r"is not valid yet|is expired", wrong):
        fix = "The mirror's lists are out of their time: mend this system's clock, or its mirror."
    elif "Hash Sum mismatch" in wrong:
        fix = "What the mirror sends is not what its lists say: try again later, or with another mirror."
    elif re.search(r"No space left|enough free space", wrong):
        fix = f"There is no room left below {cache}: set BAREMETAL_SOURCES to a folder with 100 MB free."
    elif re.search(r"Unable to find a source package", output) and not re.search(r"Failed to fetch", updated):
        fix = f"The configured distribution has no source package {name} (or not in that version)."
    else:
        fix = f"Is the network reachable, as for apt-get update? {by_hand(name, cache)}"
    return SourceError(f"cannot fetch Debian's source package {name}. {fix}\napt says:\n{wrong or output}")


def fetch(name, version, cache, sources=None):
    """Download a package into the cache; returns its .dsc. Call it with the cache's lock held."""
    for program in ("apt-get", "apt-config"):
        if not shutil.which(program):
            raise SourceError(f"there is no {program} here to fetch Debian's source package {name} with. "
                              + by_hand(name, cache))
    for path in cache.glob(".fetch-*"):  # what an interrupted run left
        shutil.rmtree(path, ignore_errors=True)
    configured = parse_deb822(sources.read_text()) if sources else system_entries(apt_config)
    entries = of_distribution(configured, codename())
    if not entries:
        raise SourceError(
            f"apt's settings name no Debian repository of {codename() or 'this system'} with the component main "
            f"(looked into {apt_config('Dir::Etc::sourcelist/f')} and {apt_config('Dir::Etc::sourceparts/d')}). "
            f"Add one, or give one with --sources. {by_hand(name, cache)}")
    state = cache / ".apt"
    settings = write_settings(state, entries)
    say("reading the lists of Debian's source packages …")
    _, updated = run(["apt-get", "-c", str(settings), "update"], state)
    say(f"fetching Debian's source package {name} …")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as work:
        wanted = f"{name}={version}" if version else name
        status, output = run(["apt-get", "-c", str(settings), "source", "--download-only",
                              "--only-source", wanted], work)
        found = sorted(Path(work).glob("*.dsc"))
        if status or len(found) != 1:
            raise explain(name, cache, updated, output)
        problem = problem_with(found[0])
        if problem:
            raise SourceError(f"apt brought a {found[0].name} that cannot be used: {problem}. Try again.")
        for path in sorted(Path(work).iterdir(), key=lambda p: p.suffix == ".dsc"):  # the .dsc last
            if path.is_symlink():  # into a repository that is a folder
                file = shutil.copyfile(path, f"{work}/.copy")
                path.unlink()
                os.replace(file, path)
            os.replace(path, cache / path.name)
    return cache / found[0].name


def default_cache():
    if folder := os.environ.get("BAREMETAL_SOURCES"):
        return Path(folder).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "baremetal-sdk" / "sources"


def package(name, version=None, cache=None, offline=False, update=False, sources=None):
    """The .dsc of a package that lies complete in the cache, fetched if need be."""
    cache = cache or default_cache()
    if not NAME.fullmatch(name) or (version and not VERSION.fullmatch(version)):
        raise SourceError(f"{name}{'=' + version if version else ''}: not the name of a source package")
    found, complaints = find_cached(name, version, cache)
    if found and not update:
        return found
    if offline:
        raise SourceError(f"there is no complete source package {name} in {cache}, and the network is not to be "
                          f"used. {by_hand(name, cache)}" + "".join("\n" + c for c in complaints))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / ".lock"):
            found, _ = find_cached(name, version, cache)  # another run may have brought it meanwhile
            return found if found and not update else fetch(name, version, cache, sources)
    except OSError as error:
        raise SourceError(f"{error}: set BAREMETAL_SOURCES to a folder that can be written") from error


def unpack(dsc, out, patches):
    """Unpack into a folder, which appears whole; an older one is replaced. Returns the version."""
    name, version, _ = parse_dsc(dsc.read_text(errors="replace"))
    wanted = f"{name} {version} {'with' if patches else 'without'} Debian's patches\n"
    stamp = out / STAMP
    out.parent.mkdir(parents=True, exist_ok=True)
    with locked(out.parent / f".{out.name}.lock"):
        if stamp.exists() and stamp.read_text() == wanted:
            return version
        if not shutil.which("dpkg-source"):
            raise SourceError("there is no dpkg-source: install dpkg-dev (apt-get install --no-install-recommends "
                              "dpkg-dev xz-utils)")
        if out.exists() and not stamp.exists() and any(out.iterdir()):
            raise SourceError(f"{out} is not empty, and not a source that was unpacked by this program: name "
                              "another folder")
        prefix = f".{out.name}.unpack-"
        for path in out.parent.glob(f"{prefix}*"):
            shutil.rmtree(path, ignore_errors=True)
        say(f"unpacking {name} {version} {'with' if patches else 'without'} Debian's patches …")
        with tempfile.TemporaryDirectory(prefix=prefix, dir=out.parent) as work:
            status, output = run(["dpkg-source", "--require-strong-checksums", "-x",
                                  *([] if patches else ["--skip-patches"]), str(dsc), f"{work}/new"], work)
            if status:
                fix = "Install xz-utils. " if "xz" in output and not shutil.which("xz") else ""
                raise SourceError(f"cannot unpack {dsc}. {fix}dpkg-source says:\n{output.strip()}")
            Path(work, "new", STAMP).write_text(wanted)
            if out.exists():
                os.rename(out, f"{work}/old")
            os.rename(f"{work}/new", out)
    return version


def obtain(name, out, patches=False, **options):
    """Have the source of a Debian package in a folder; returns its version. Options: of package()."""
    return unpack(package(name, **options), Path(out).absolute(), patches)


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="of the source package")
    parser.add_argument("--out", type=Path, help="folder to unpack into; without it, the package is fetched alone")
    parser.add_argument("--patches", choices=["yes", "no"], default="no",
                        help="apply Debian's changes to the upstream source (default: no)")
    parser.add_argument("--version", help="this one; default: what the cache has, else the newest")
    parser.add_argument("--update", action="store_true", help="ask for the newest even if the cache has one")
    parser.add_argument("--offline", action="store_true", help="use the cache alone")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="default: see above, now %(default)s",
                        default=default_cache())
    parser.add_argument("--sources", type=Path, metavar="FILE", help="a .sources file instead of the system's")
    options = parser.parse_args(words)
    # An ordinary end, so that nothing half-made stays.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        dsc = package(options.name, options.version, options.cache.absolute(), options.offline,
                      options.update, options.sources)
        if options.out:
            version = unpack(dsc, options.out.absolute(), options.patches == "yes")
            print(f"{options.name} {version}")
        else:
            print(dsc)
    except SourceError as error:
        sys.exit(f"debian-source: error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    return 0


if __name__ == "__main__":
    sys.exit(main())
