#!/usr/bin/env python3
"""clang-tidy over source files: tidy.py BUILD FILE…

BUILD has compile_commands.json. Most of the time goes into the headers, so files that are compiled alike and do not define the same names
are checked as one translation unit; where that does not compile, one by one. What was clean is remembered in BUILD/tidy (a file a source: the hash
of the source, of every header of ours that it reaches, of its compiler command and the rules) and not checked again. System headers
do not count: remove BUILD/tidy after an upgrade of a library. Exit status 1 where something was found.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"
UNIT_FILES = 12  # in one unit: about 1 GB
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# What a header defines that another file may define for itself.
CONSTANT = re.compile(r"^(?:inline )?constexpr .*?\b(k[A-Z]\w*)\b", re.MULTILINE)
# What a file defines at the left margin, in an unnamed namespace or not: two files of a unit must not define the same.
DEFINED = re.compile(r"^(?:class|struct|enum class|enum|namespace|concept)\s+(\w+)|^using\s+(\w+)\s*=|^(?:\w[^;(={]*[\s&*>])(\w+)\s*(?=[(={\[;])"
                     r"|^TEST(?:_F)?\((\w+, *\w+)", re.MULTILINE)
FOUND = re.compile(r"^(/[^:\n]+):\d+:\d+: (?:error|warning): .*\[([\w.,-]+)\]$", re.MULTILINE)
# In tests: gtest's fixtures are protected and never copied, an ASSERT_TRUE is not understood as a check, the environment is set before
# any thread, and a few elements more do not matter.
NOT_IN_TESTS = ("--checks=-bugprone-unchecked-optional-access,-cppcoreguidelines-special-member-functions,-concurrency-mt-unsafe,"
                "-cppcoreguidelines-virtual-class-destructor,-performance-inefficient-vector-operation")
# What clang says on stderr beside a real error.
CHATTER = re.compile(r"warnings? (?:and \d+ errors? )?generated|warnings? treated|^Suppressed|^Use -|^Error while processing|^Found compiler error")


@functools.cache
def text_of(path):
    return path.read_text(encoding="utf-8")


@functools.cache
def included(path):
    """The headers of this repository that the file names."""
    found = []
    for name in INCLUDE.findall(text_of(path)):
        places = (folder / name for folder in (path.parent, ROOT / "src", ROOT))
        found += [place.resolve() for place in places if place.is_file()][:1]
    return found


def reached(source):
    """source and every header of this repository that it includes, itself or through another."""
    seen, left = set(), [source]
    while left:
        path = left.pop()
        if path not in seen:
            seen.add(path)
            left += included(path)
    return seen


class Source:
    def __init__(self, path, command, rules, build):
        self.path, self.name = path, str(path.relative_to(ROOT))
        # Without its own names; alike for the files that see the same libraries.
        self.options = frozenset(word for word in command.split() if path.stem not in word)
        self.reached = reached(path)
        self.is_test = path.stem.endswith("_test")
        self.defines = {next(filter(None, names)) for names in DEFINED.findall(text_of(path))} - {"millrace"}
        self.spills = "\nusing enum" in text_of(path)  # names that only its header shows
        self.sees = {name for header in self.reached - {path} for name in CONSTANT.findall(text_of(header))}
        digest = hashlib.sha256(rules + NOT_IN_TESTS.encode() + command.encode())
        for one in sorted(self.reached):
            digest.update(str(one.relative_to(ROOT)).encode() + b"\0" + text_of(one).encode() + b"\0")
        self.key = digest.hexdigest()
        self.stamp = build / "tidy" / (self.name.replace("/", "__") + ".clean")

    def fits(self, other):
        """Whether both can stand in one translation unit. Not one that BUILD does not compile: clang-tidy then takes its neighbours' options."""
        return bool(self.options) and not (self.spills or other.spills or self.defines & (other.defines | other.sees) or other.defines & self.sees) \
            and self.options == other.options and self.is_test == other.is_test

    def is_clean(self):
        return self.stamp.is_file() and self.stamp.read_text() == self.key


def units_of(sources):
    """Lists of sources that can be one translation unit."""
    units = []
    for source in sources:
        for unit in units:
            if len(unit) < UNIT_FILES and all(source.fits(other) for other in unit):
                unit.append(source)
                break
        else:
            units.append([source])
    return units


class Checker:
    def __init__(self, build, commands):
        self.build, self.commands = build, commands

    def check(self, unit):
        """What clang-tidy said; leaves the stamps of the clean files."""
        if len(unit) == 1:
            said = self.one(unit[0])
        else:
            said = self.together(unit)
            if "clang-diagnostic-error" in said:
                said = "".join(self.one(source) for source in unit)
        bad = {pathlib.Path(path).resolve() for path, _ in FOUND.findall(said)}
        for source in unit:
            if not said.strip() or (bad and not bad & source.reached):
                source.stamp.write_text(source.key)
        return said

    def one(self, source):
        return self.run(source.path, source.is_test, ["-p", str(self.build)])

    def together(self, unit):
        folder = self.build / "tidy" / hashlib.sha256("".join(s.name for s in unit).encode()).hexdigest()[:12]
        folder.mkdir(exist_ok=True)
        path = folder / "unit.cc"
        path.write_text("".join(f'#include "{source.path}"  // NOLINT(bugprone-suspicious-include)\n' for source in unit))
        entry = self.commands[str(unit[0].path)]
        words = entry["command"].replace(str(unit[0].path), str(path))
        (folder / "compile_commands.json").write_text(json.dumps([{"directory": entry["directory"], "command": words, "file": str(path)}]))
        return self.run(path, unit[0].is_test, ["-p", str(folder), f"--config-file={ROOT / '.clang-tidy'}"])

    @staticmethod
    def run(path, is_test, options):
        # -Qunused-arguments: the database names g++'s options.
        if is_test:
            options.append(NOT_IN_TESTS)
        done = subprocess.run([TIDY, "--quiet", "--extra-arg=-Qunused-arguments", "--extra-arg=-Wno-unknown-warning-option", *options, str(path)],
                              cwd=ROOT, capture_output=True, text=True, check=False)
        said = done.stdout + "".join(line for line in done.stderr.splitlines(True) if not CHATTER.search(line))
        return said or (f"{path}: {TIDY} failed with status {done.returncode}\n" if done.returncode else "")


def main(build, *names):
    build = pathlib.Path(build).resolve()
    (build / "tidy").mkdir(exist_ok=True)
    commands = {entry["file"]: entry for entry in json.loads((build / "compile_commands.json").read_text())}
    rules = (ROOT / ".clang-tidy").read_bytes() + subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    paths = [pathlib.Path(name).resolve() for name in names]
    sources = [Source(path, commands.get(str(path), {"command": ""})["command"], rules, build) for path in paths]
    open_ones = [source for source in sources if not source.is_clean()]
    checker = Checker(build, commands)
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TIDY_JOBS", "2"))) as pool:
        for said in pool.map(checker.check, units_of(open_ones)):
            print(said, end="", flush=True)
    bad = sum(not source.is_clean() for source in sources)
    print(f"{len(sources) - bad} files passed ({len(sources) - len(open_ones)} known from before), {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
