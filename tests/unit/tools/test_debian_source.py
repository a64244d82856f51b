#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""debian_source.py: what it reads of apt's settings, and whole runs against a small repository made
here, which apt reads as files. No network."""
import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOOL = Path(__file__).resolve().parents[3] / "sdk" / "tools" / "debian_source.py"
sys.path.insert(0, str(TOOL.parent))
import debian_source as ds  # noqa: E402

LIST = """
# deb http://old.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib   # a remark
deb-src [arch=amd64 signed-by=/k.gpg check-date=no] http://mirror.example/debian bookworm-security main
deb [ trusted=yes ] file:/srv/flat ./
deb cdrom:[Debian]/ bookworm main
rpm http://mirror.example/ x main
deb http://tools.example/apt tools-bookworm main
"""

SOURCES = """# a remark
Types: deb deb-src
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
 contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abcdef
# a remark within
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

types: deb
uris: http://lower.example/debian
suites: stable
components: main
architectures: amd64
"""

DSC = """-----BEGIN PGP SIGNED MESSAGE-----

Format: 3.0 (quilt)
Source: small
Version: 1:2.0~rc1-3+deb12u1
Checksums-Sha1:
 0000000000000000000000000000000000000000 4 small_2.0~rc1.orig.tar.xz
Checksums-Sha256:
 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 4 small_2.0~rc1.orig.tar.xz
Files:
"""


class Settings(unittest.TestCase):
    def test_one_line(self):
        entries = list(ds.parse_one_line(LIST))
        self.assertEqual([e.uris[0] for e in entries][:2], ["http://mirror.example/debian"] * 2)
        self.assertEqual(entries[0].components, ["main", "contrib"])
        self.assertEqual(entries[1].options, {"Signed-By": "/k.gpg", "Check-Date": "no"})
        kept = ds.of_distribution(entries, "bookworm")
        self.assertEqual([e.suites for e in kept], [["bookworm"], ["bookworm-security"]])

    def test_deb822(self):
        entries = list(ds.parse_deb822(SOURCES))
        self.assertEqual(len(entries), 2)
        self.assertEqual(entries[0].suites, ["bookworm", "bookworm-updates", "bookworm-backports"])
        self.assertEqual(entries[0].components, ["main", "contrib"])
        self.assertIn("\n abcdef\n -----END", entries[0].options["Signed-By"])
        self.assertEqual(entries[1].options, {})
        kept = ds.of_distribution(entries, "bookworm")
        self.assertEqual([e.suites for e in kept], [["bookworm"], ["bookworm-updates"], ["stable"]])
        # What is written is read again as the same.
        again = list(ds.parse_deb822("\n".join(e.paragraph() for e in kept)))
        self.assertEqual(again, kept)
        self.assertIn("Types: deb-src\n", kept[0].paragraph())

    def test_once(self):
        twice = list(ds.parse_one_line("deb http://m.example/ bookworm main\ndeb-src http://m.example/ bookworm main\n"))
        self.assertEqual(len(ds.of_distribution(twice, "bookworm")), 1)
        self.assertEqual(ds.of_distribution(twice, "trixie"), [])
        self.assertEqual(len(ds.of_distribution(list(ds.parse_one_line("deb http://m.example/ sid main")), None)), 1)

    def test_system(self):
        with tempfile.TemporaryDirectory() as folder:
            parts = Path(folder, "parts")
            parts.mkdir()
            Path(folder, "main").write_text(LIST)
            Path(parts, "a.sources").write_text(SOURCES)
            Path(parts, "b.list").write_text("deb http://b.example/ bookworm main\n")
            Path(parts, "c.bak").write_text("deb http://c.example/ bookworm main\n")
            config = {"Dir::Etc::sourcelist/f": f"{folder}/main", "Dir::Etc::sourceparts/d": f"{folder}/parts/"}
            uris = [e.uris[0] for e in ds.system_entries(config.__getitem__)]
            self.assertIn("http://b.example/", uris)
            self.assertIn("http://lower.example/debian", uris)
            self.assertNotIn("http://c.example/", uris)
            config = dict.fromkeys(config, f"{folder}/none")
            self.assertEqual(ds.system_entries(config.__getitem__), [])


class Descriptions(unittest.TestCase):
    def test_good(self):
        self.assertEqual(ds.parse_dsc(DSC), ("small", "1:2.0~rc1-3+deb12u1", {
            "small_2.0~rc1.orig.tar.xz":
                ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 4)}))

    def test_bad(self):
        for old, new in [("small_2.0~rc1.orig.tar.xz\nFiles", "../small.tar.xz\nFiles"), ("9f86", "zz"),
                         (" 4 small_2.0~rc1.orig.tar.xz\nFiles", " x small\nFiles"), ("Source: small", "Source: ../x"),
                         ("Version:", "Other:"), ("Checksums-Sha256", "Checksums-Sha512"),
                         (" 9f86", " -rf 9f86")]:
            with self.subTest(new), self.assertRaises(ValueError):
                ds.parse_dsc(DSC.replace(old, new))

    def test_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            dsc = cache / "small_2.0~rc1-3+deb12u1.dsc"
            dsc.write_text(DSC)
            found, complaints = ds.find_cached("small", None, cache)
            self.assertIsNone(found)
            self.assertIn("is not beside it", complaints[0])
            tar = cache / "small_2.0~rc1.orig.tar.xz"
            for text, part in [("tes", "is not 4 bytes long"), ("tesT", "another content")]:
                tar.write_text(text)
                self.assertIn(part, ds.find_cached("small", None, cache)[1][0])
            tar.write_text("test")
            self.assertEqual(ds.find_cached("small", None, cache), (dsc, []))
            self.assertEqual(ds.find_cached("small", "1:2.0~rc1-3+deb12u1", cache), (dsc, []))
            self.assertIsNone(ds.find_cached("small", "9", cache)[0])
            newer = cache / "small_2.0-1.dsc"
            newer.write_text(DSC.replace("2.0~rc1-3+deb12u1", "2.0-1"))
            self.assertEqual(ds.find_cached("small", None, cache), (newer, []))


def run(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, **options)


class Whole(unittest.TestCase):
    """A repository with one package of two versions; the newer has a patch of Debian's."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="debian source ")
        cls.addClassCleanup(folder.cleanup)
        cls.top = Path(folder.name)
        cls.repository = cls.top / "repository"
        pool = cls.repository / "pool"
        pool.mkdir(parents=True)
        for version in ("1.0-1", "1.1-2"):
            cls.make_package(version, pool)
        # apt-ftparchive is in no package that we need; this is the little of it.
        sources = []
        for dsc in sorted(pool.glob("*.dsc")):
            text = dsc.read_text().replace("Source: ", "Package: ", 1).rstrip("\n")
            lines = [f" {hashlib.sha256(dsc.read_bytes()).hexdigest()} {dsc.stat().st_size} {dsc.name}"]
            head, _, tail = text.partition("Checksums-Sha256:\n")
            tail = tail[:tail.index("Files:")]
            head = head[:head.index("Checksums-Sha1:")]
            sources.append(f"{head}Directory: pool\nChecksums-Sha256:\n" + "\n".join(lines) + "\n" + tail)
        binary = cls.repository / "dists/stable/main/source"
        binary.mkdir(parents=True)
        data = gzip.compress("\n".join(sources).encode(), mtime=0)
        (binary / "Sources.gz").write_bytes(data)
        (binary / "Sources").write_text("\n".join(sources))
        sums = "".join(f" {hashlib.sha256(p.read_bytes()).hexdigest()} {p.stat().st_size} main/source/{p.name}\n"
                       for p in (binary / "Sources", binary / "Sources.gz"))
        (cls.repository / "dists/stable/Release").write_text(
            "Origin: Test\nSuite: stable\nCodename: test\nComponents: main\nArchitectures: amd64\n"
            f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{sums}")

    @classmethod
    def make_package(cls, version, pool):
        upstream = version.split("-")[0]
        work = cls.top / f"make-{version}"
        tree = work / f"small-{upstream}"
        (tree / "debian/source").mkdir(parents=True)
        (tree / "program.c").write_text("int main(void)\n{\n\treturn 1;\n}\n")
        run("tar", "-cJf", work / f"small_{upstream}.orig.tar.xz", "-C", work, f"small-{upstream}/program.c").check_returncode()
        (tree / "debian/source/format").write_text("3.0 (quilt)\n")
        (tree / "debian/control").write_text("Source: small\nMaintainer: A <a@example.org>\n\n"
                                             "Package: small\nArchitecture: all\nDescription: x\n")
        (tree / "debian/changelog").write_text(f"small ({version}) stable; urgency=low\n\n  * x\n\n"
                                               " -- A <a@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n")
        (tree / "debian/patches").mkdir()
        (tree / "debian/patches/series").write_text("change\n")
        (tree / "debian/patches/change").write_text(
            "--- a/program.c\n+++ b/program.c\n@@ -1,4 +1,4 @@\n int main(void)\n {\n-\treturn 1;\n+\treturn 0;\n }\n")
        done = run("dpkg-source", "-b", tree.name, cwd=work)
        assert done.returncode == 0, done.stderr + done.stdout
        for path in work.glob("small_*"):
            shutil.copy(path, pool)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="run ", dir=self.top)
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)
        self.cache = self.work / "a cache"
        self.sources = self.work / "test.sources"
        self.use(f"file://{str(self.repository).replace(' ', '%20')}")

    def use(self, uri, suite="stable"):
        self.sources.write_text(f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\nTrusted: yes\n")

    def command(self, *words, name="small"):
        return [str(TOOL), name, "--cache", str(self.cache), "--sources", str(self.sources), *map(str, words)]

    def tool(self, *words, **options):
        return run(*self.command(*words, **options))

    def good(self, *words, **options):
        done = self.tool(*words, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def bad(self, *words, part, **options):
        done = self.tool(*words, **options)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(part, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def leftovers(self):
        return [p.name for p in [*self.work.iterdir(), *self.cache.iterdir()]
                if p.name.startswith((".fetch", ".out.unpack"))]

    def test_fetch_and_unpack(self):
        out = self.work / "out"
        done = self.good("--out", out)
        self.assertEqual(done.stdout, "small 1.1-2\n")
        self.assertIn("without Debian's patches", done.stderr)
        self.assertIn("return 1", (out / "program.c").read_text())
        # Again: nothing to do. With patches: anew. Then without any repository.
        self.assertEqual(self.good("--out", out).stderr, "")
        self.sources.write_text("")
        self.assertIn("with Debian's patches", self.good("--out", out, "--patches", "yes").stderr)
        self.assertIn("return 0", (out / "program.c").read_text())
        self.good("--out", self.work / "other", "--offline")
        self.assertEqual(self.leftovers(), [])
        self.assertTrue(self.good().stdout.endswith("small_1.1-2.dsc\n"))

    def test_versions(self):
        self.assertTrue(self.good("--version", "1.0-1").stdout.endswith("small_1.0-1.dsc\n"))
        self.assertTrue(self.good().stdout.endswith("small_1.0-1.dsc\n"))
        self.assertTrue(self.good("--update").stdout.endswith("small_1.1-2.dsc\n"))
        self.bad("--version", "7-7", part="no source package small (or not in that version)")

    def test_errors(self):
        self.bad("--offline", part="the network is not to be used")
        self.bad(part="no source package", name="nothing-such")
        self.bad(part="not the name of a source package", name="../x")
        self.use("http://127.0.0.1:9/debian")
        self.bad(part="Is the network reachable")
        self.use("http://127.0.0.1:9/debian", suite="somewhere-else")
        self.bad(part="name no Debian repository")
        occupied = self.work / "occupied"
        occupied.mkdir()
        (occupied / "mine").write_text("x")
        self.use(f"file://{str(self.repository).replace(' ', '%20')}")
        self.bad("--out", occupied, part="is not empty")
        self.assertEqual(self.leftovers(), [])

    def test_damage(self):
        """A file that was cut short in the cache is fetched again."""
        self.good()
        tar = self.cache / "small_1.1.orig.tar.xz"
        data = tar.read_bytes()
        tar.write_bytes(data[:-1])
        self.bad("--offline", part="small_1.1.orig.tar.xz is not")
        self.good()
        self.assertEqual(tar.read_bytes(), data)

    def test_missing_programs(self):
        """Each error names the package."""
        self.good()
        tools = self.work / "bin"
        tools.mkdir()
        for name in ("python3", "dpkg", "env"):
            (tools / name).symlink_to(shutil.which(name))
        env = os.environ | {"PATH": str(tools)}
        done = run(*self.command("--out", self.work / "out"), env=env)
        self.assertEqual(done.returncode, 1)
        self.assertIn("install dpkg-dev", done.stderr)
        shutil.rmtree(self.cache)
        done = run(*self.command(), env=env)
        self.assertIn("there is no apt-get here", done.stderr)

    def test_two_at_once(self):
        runs = [subprocess.Popen(self.command("--out", self.work / "out"), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(3)]
        for process in runs:
            out, err = process.communicate(timeout=120)
            self.assertEqual((process.returncode, out), (0, "small 1.1-2\n"), err)
        self.assertIn("return 1", (self.work / "out/program.c").read_text())

    def test_interrupted(self):
        """Ended at any moment, by either signal, the next run does it all."""
        for number in range(8):
            shutil.rmtree(self.cache, ignore_errors=True)
            shutil.rmtree(self.work / "out", ignore_errors=True)
            process = subprocess.Popen(self.command("--out", self.work / "out"), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(0.1 + number * 0.15)
            os.killpg(process.pid, signal.SIGKILL if number % 2 else signal.SIGTERM)
            process.wait()
            if (self.work / "out").exists():
                self.assertIn("return 1", (self.work / "out/program.c").read_text())
                self.assertTrue((self.work / "out" / ds.STAMP).exists())
            self.assertEqual(self.good("--out", self.work / "out").stdout, "small 1.1-2\n")
            self.assertEqual(self.leftovers(), [])


if __name__ == "__main__":
    unittest.main()
