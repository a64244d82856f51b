#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documentation names must exist: check_docs.py TREE

Checks each *.md file of the tree:
  links      relative ones lead to a file, and their #part to a heading of it; those of
             sdk/docs stay inside of it, for that folder is installed alone
  paths      `kernel/…`, `sdk/…` and other places of the tree in code spans
  commands   `baremetal COMMAND --option`, against the tool's own --help; every command is
             mentioned somewhere
  options    Meson's -Dname=value; the kernel's words bm.name=; ./bench's figures
  functions  bm_name(), against the public headers
  installed  sdk/docs/meson.build names each document of that folder
  lists      sdk/docs/api.md has a row for each public header, one each; the installed tree in
             sdk/docs/architecture.md names each .pc file

Reads text only: whether a command works is for other tests.
"""
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

SKIPPED = re.compile(r"^(\.|build|prefix$|subprojects$|__pycache__$)")
MESON_OWN = {"prefix", "buildtype", "debug", "optimization", "libdir", "werror", "b_lto", "c_args"}
LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
COMMAND = re.compile(r"(?:^|&& |\|\| |[;|(] ?)(?:\$ |# |[A-Z_]+=\S+ )*baremetal ([^;&|)>\n]*)", re.MULTILINE)


def documents(tree):
    found = []
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(f for f in folders if not SKIPPED.match(f))
        found += [Path(folder, name) for name in sorted(files) if name.endswith(".md")]
    return found


class Document:
    """A Markdown file, in parts: prose with its code spans, and code blocks."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        prose, blocks, fence = [], [], None
        before_blank = True
        for line in self.text.splitlines():
            mark = re.match(r" {0,3}(```+|~~~+)", line)
            if fence:
                if mark and mark[1].startswith(fence):
                    fence = None
                else:
                    blocks.append(line)
                prose.append("")
            elif mark:
                fence = mark[1]
                prose.append("")
            elif line.startswith("    ") and (before_blank or blocks and not prose[-1]):
                blocks.append(line[4:])
                prose.append("")
                continue  # the block goes on
            else:
                prose.append(line)
                before_blank = not line.strip()
        self.prose = "\n".join(prose)
        self.spans = [" ".join(m[2].split()) for m in SPAN.finditer(self.prose)]
        self.blocks = re.sub(r"\\\n\s*", "", "\n".join(blocks))

    def line_of(self, text):
        at = self.text.find(text)
        return self.text.count("\n", 0, at) + 1 if at >= 0 else 1

    def anchors(self):
        """The names that GitHub gives to headings."""
        names = set()
        for heading in HEADING.findall(self.prose):
            name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            names.add(name if name not in names else f"{name}-1")
        return names


class Checker:
    def __init__(self, tree, tool_help):
        self.tree, self.tool_help = Path(tree).resolve(), tool_help
        self.wrong, self.checked = [], 0
        self.commands_seen = set()

    def expect(self, good, document, text, complaint):
        self.checked += 1
        if not good:
            name = document.path.relative_to(self.tree)
            self.wrong.append(f"{name}:{document.line_of(text)}: {complaint}")

    def run(self):
        for path in documents(self.tree):
            document = Document(path)
            self.links(document)
            self.paths(document)
            self.commands(document)
            self.options(document)
            self.functions(document)
        for name in sorted(self.known_commands() - self.commands_seen):
            self.wrong.append(f"no document mentions `baremetal {name}`")
        return self.wrong

    # ---- Links and paths ----

    def links(self, document):
        prose = SPAN.sub("", document.prose)
        for match in LINK.finditer(prose):
            link = match[1] or match[2]
            if re.match(r"[a-z]+:", link):
                continue
            file, _, part = link.partition("#")
            target = (document.path.parent / file).resolve() if file else document.path
            self.expect(target.exists(), document, link, f"the link {link} leads nowhere")
            docs = self.tree / "sdk" / "docs"
            if docs in document.path.parents:
                self.expect(docs in target.parents, document, link,
                            f"the link {link} leads out of sdk/docs, which is installed alone")
            if part and target.suffix == ".md" and target.exists():
                self.expect(part in Document(target).anchors(), document, link,
                            f"{file or 'this page'} has no heading for #{part}")

    def paths(self, document):
        tops = {p.name for p in self.tree.iterdir() if not SKIPPED.match(p.name)} | {".ci"}
        for span in document.spans:
            path = span.removeprefix("./")
            if not re.fullmatch(r"[\w./+*-]+", path) or path.split("/")[0] not in tops:
                continue
            if "/" not in path and not span.startswith("./"):
                continue
            if re.search(r"(^|/)[A-Z]{3,}($|/)", path):
                continue  # NAME stands for something
            places = [self.tree, document.path.parent]
            self.expect(any(any(p.glob(path.rstrip("/"))) for p in places), document, span,
                        f"{span} is not in the tree")

    # ---- Commands ----

    @cache
    def known_commands(self, command=""):
        part = self.tool_help(command).partition("positional arguments:")[2].split("\n\n")[0]
        return set(re.findall(r"^    ([a-z]+) ", part, re.MULTILINE))

    @cache
    def known_options(self, command):
        return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", self.tool_help(command)))

    def commands(self, document):
        texts = [document.blocks, *document.spans]
        for line in (m for text in texts for m in COMMAND.findall(text)):
            try:
                words = shlex.split(line, comments=True)
            except ValueError:
                words = line.split()
            if not words or not re.fullmatch(r"-.*|[a-z]+", words[0]):
                continue
            shown = "baremetal " + line.strip()
            command = "" if words[0].startswith("-") else words[0]
            if command:
                known = command in self.known_commands()
                self.expect(known, document, shown, f"`{shown}`: baremetal has no command {command}")
                if not known:
                    continue
                self.commands_seen.add(command)
                if len(words) > 1 and words[1] in self.known_commands(command):
                    command = f"{command} {words[1]}"  # `disk create`
            skip = False
            for word in words:
                if word == "--":
                    break
                if skip:  # a value
                    skip = False
                    continue
                if word.startswith("-") and word != "-":
                    name = word.split("=")[0]
                    self.expect(name in self.known_options(command), document, shown,
                                f"`{shown}`: baremetal {command} has no option {name}")
                    skip = name in ("-ex", "--args")

    # ---- Options, words, figures, functions ----

    @cache
    def meson_options(self):
        text = (self.tree / "meson_options.txt").read_text()
        return set(re.findall(r"^option\('(\w+)'", text, re.MULTILINE)) | MESON_OWN

    @cache
    def kernel_words(self):
        return set(re.findall(r'"(bm\.\w+)="', (self.tree / "kernel/boot/options.c").read_text()))

    @cache
    def figures(self):
        done = subprocess.run([sys.executable, "-B", self.tree / "tests/bench/bench.py", "--list"],
                              capture_output=True, text=True, check=True)
        return {line.split()[0] for line in done.stdout.splitlines() if line.strip()}

    @cache
    def reports(self):
        """What ./bench --report makes, by its usage."""
        text = (self.tree / "bench").read_text()
        return set(re.search(r"--report ([\w|]+)", text)[1].split("|"))

    @cache
    def public_functions(self):
        headers = (self.tree / "sdk/include/baremetal").glob("*.h")
        return set(re.findall(r"\b(bm_\w+)\(", "\n".join(h.read_text() for h in headers)))

    def options(self, document):
        code = "\n".join([document.blocks, *document.spans])
        for name in re.findall(r"(?<!\S)-D(?!CMAKE_)(\w+)=", code):
            self.expect(name in self.meson_options(), document, f"-D{name}",
                        f"-D{name}: there is no such Meson option")
        for word in re.findall(r"\b(bm\.[a-z]+)(?==)", code):
            self.expect(word in self.kernel_words(), document, word, f"the kernel knows no {word}")
        for line in re.findall(r"(?:^|\s)\./bench ([^\n;&|]*)", code):
            line = re.split(r"#|  ", line)[0]  # a remark stands apart
            if report := re.search(r"--report ([a-z]\w*)", line):
                self.expect(report[1] in self.reports(), document, report[1],
                            f"./bench makes no report {report[1]}")
                line = line.replace(report[0], "")
            for name in line.split():
                if re.fullmatch(r"[a-z][\w-]*", name):
                    known = any(f == name or f.startswith(name + "-") for f in self.figures())
                    self.expect(known, document, name, f"./bench has no figure {name}")

    def functions(self, document):
        for name in re.findall(r"\b(bm_\w+)\(", document.text):
            self.expect(name in self.public_functions(), document, name,
                        f"{name}() is in no public header")


def lists(tree):
    """Complaints about tables that must be complete."""
    tree, wrong = Path(tree), []
    rows = re.findall(r"`baremetal/(\w+\.h)`", "\n".join(
        line for line in (tree / "sdk/docs/api.md").read_text().splitlines() if line.startswith("|")))
    headers = {p.name for p in (tree / "sdk/include/baremetal").glob("*.h")} - {"baremetal.h"}
    for name in sorted(headers | set(rows)):
        if (count := rows.count(name)) != 1 or name not in headers:
            wrong.append(f"sdk/docs/api.md: baremetal/{name} is {count} times in the table, "
                         f"and {'' if name in headers else 'not '}in sdk/include")
    text = (tree / "sdk/docs/architecture.md").read_text()
    named = set()
    for group in re.findall(r"(?<=[/ ])baremetal[\w{},-]*\.pc\b", text):
        stem, brace, names = group.removesuffix(".pc").partition("{")
        named |= {f"{stem}{name}.pc" for name in names.rstrip("}").split(",")} if brace else {group}
    for path in sorted((tree / "pkgconfig").glob("*.pc.in")):
        if path.stem not in named:
            wrong.append(f"sdk/docs/architecture.md: {path.stem} is not in the installed tree")
    return wrong


def tool_help(tree):
    """--help of the tool's commands, as this tree has it."""
    @cache
    def ask(command):
        words = command.split()
        return subprocess.run([sys.executable, "-B", f"{tree}/sdk/tools/baremetal", *words, "--help"],
                              check=True, capture_output=True, text=True,
                              env={**os.environ, "COLUMNS": "200"}).stdout
    return ask


def main():
    tree = sys.argv[1]
    checker = Checker(tree, tool_help(tree))
    wrong = checker.run()
    listed = Path(tree, "sdk/docs/meson.build").read_text()
    wrong += [f"sdk/docs/{path.name}: sdk/docs/meson.build does not install it"
              for path in sorted(Path(tree, "sdk/docs").glob("*.md")) if f"'{path.name}'" not in listed]
    wrong += lists(tree)
    print("\n".join(wrong))
    print(f"{len(documents(tree))} documents, {checker.checked} names, {len(wrong)} complaints")
    return 1 if wrong or checker.checked < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
