#!/usr/bin/env python3
"""The rules of the house that a compiler does not know, checked over the sources: house_rules.py [ROOT]

Which folder may include which, names and words that do not come in, lengths, where threads and clocks live,
third-party code. A line a violation, then 'N passed, N failed' (a rule is one test).
"""
import pathlib
import re
import shutil
import subprocess
import sys

# A folder of src/ may include itself and these (ARCHITECTURE.md, "The layout"); main and registry may include all.
LEAVES = {"base"}
PLAIN = LEAVES | {"event", "config"}
MAY_INCLUDE = {
    "base": set(),
    "event": LEAVES,
    "config": LEAVES,
    "wire": PLAIN,
    "source": PLAIN | {"wire"},
    "transform": PLAIN | {"wire"},
    "convert": PLAIN | {"wire"},
    "sink": PLAIN | {"wire", "convert", "store"},
    "store": PLAIN | {"wire"},
    "pipeline": PLAIN | {"source", "transform", "convert", "sink", "store"},
    "worker": PLAIN | {"wire", "source", "transform", "convert", "sink", "store", "pipeline"},
    "rest": PLAIN | {"wire", "pipeline", "worker", "store"},
    "console": PLAIN,
}
BANNED_FILES = re.compile(r"^(util|utils|common|helper|helpers|misc|types|core|manager|impl)(_test)?$|_(util|utils|helper|helpers|manager|impl)(_test)?$")
BANNED_TYPES = re.compile(r"\b(?:class|struct)\s+(?:\[\[\w+\]\]\s+)?(\w*[a-z](?:Manager|Helper|Processor|Impl|Util|Utils))\b")
# A table of settings is as long as there are settings; the recorded cases are as large as the records.
MAX_LINES, MAX_TEST_LINES, MAX_TABLE_LINES = 450, 700, 700
MAX_BYTES, MAX_CASE_BYTES = 200_000, 500_000
THREADS = re.compile(r"\bstd::(jthread|thread|async)\b(?!::)")
CLOCKS = re.compile(r"\b(system|steady|high_resolution)_clock::now\b|\btime\(nullptr\)|\bgettimeofday\(|\busleep\(")
# Files that only tests include.
DOUBLES = re.compile(r"_test$|^scripted_|_fixture$|_for_tests$")


class House:
    def __init__(self, root):
        self.root, self.src = root, root / "src"
        self.files = sorted(p for p in self.src.rglob("*") if p.suffix in (".h", ".cc"))
        self.text = {p: p.read_text(encoding="utf-8") for p in self.files}

    def name(self, path):
        return path.relative_to(self.root)

    def lines(self):
        """(file, number, line without its // comment)"""
        for path, text in self.text.items():
            for number, line in enumerate(text.splitlines(), 1):
                yield path, number, re.sub(r"//.*", "", line)

    def tracked(self):
        command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        out = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False) if shutil.which("git") else None
        if not out or out.returncode:
            return [p for p in self.root.rglob("*") if p.is_file() and not {"build", ".deps", ".git"} & set(p.relative_to(self.root).parts)]
        return [self.root / name for name in out.stdout.split("\0") if name and (self.root / name).is_file()]

    # ---- the rules: each gives its violations

    def dependencies_point_one_way(self):
        for path, number, line in self.lines():
            parts = path.relative_to(self.src).parts
            found = re.match(r'\s*#include "(\w+)/', line)
            if found and len(parts) > 1 and parts[0] in MAY_INCLUDE and found[1] != parts[0] and found[1] in MAY_INCLUDE \
                    and found[1] not in MAY_INCLUDE[parts[0]]:
                yield f"{self.name(path)}:{number}: {parts[0]}/ may not include {found[1]}/"

    def sinks_sources_and_transforms_do_not_know_each_other(self):
        for path, number, line in self.lines():
            parts = path.relative_to(self.src).parts
            found = re.match(r'\s*#include "(source|transform|convert|sink|store)/(\w+)/', line)
            if found and len(parts) > 2 and parts[0] == found[1] and parts[1] != found[2]:
                yield f"{self.name(path)}:{number}: {parts[0]}/{parts[1]}/ may not include {found[1]}/{found[2]}/"

    def includes_are_from_src(self):
        for path, number, line in self.lines():
            found = re.match(r'\s*#include "([^"]+)"', line)
            double = found and found[1].startswith("tests/") and DOUBLES.search(path.stem) and (self.root / found[1]).exists()
            if found and not double and not (self.src / found[1]).exists():
                yield f"{self.name(path)}:{number}: {found[1]} is not below src/ (own headers by their path from src/)"

    def names_say_what_a_thing_is(self):
        for path in self.files:
            for part in [*path.relative_to(self.src).parts[:-1], path.stem]:
                if BANNED_FILES.search(part):
                    yield f"{self.name(path)}: no file or folder is called {part}"
        for path, number, line in self.lines():
            for found in BANNED_TYPES.finditer(line):
                yield f"{self.name(path)}:{number}: no type is called {found[1]}"

    def files_stay_short(self):
        for path, text in self.text.items():
            limit = MAX_TEST_LINES if path.stem.endswith("_test") else MAX_TABLE_LINES if path.stem.endswith("_config") else MAX_LINES
            if text.count("\n") > limit:
                yield f"{self.name(path)}: {text.count(chr(10))} lines, the limit is {limit}: two ideas?"

    def files_open_with_what_they_are(self):
        for path, text in self.text.items():
            if path.suffix == ".h" and not re.match(r"\s*//", text):
                yield f"{self.name(path)}: the first line says what the file is"

    def headers_are_guarded(self):
        for path, text in self.text.items():
            if path.suffix == ".h" and "#pragma once" not in text:
                yield f"{self.name(path)}: #pragma once"

    def no_macros(self):
        for path, number, line in self.lines():
            found = re.match(r"\s*#\s*define\s+(\w+)", line)
            # A library's own switch may be set where the library is included.
            if found and not re.match(r"(BOOST_|TOML_|FMT_|SPDLOG_|SIMDJSON_|CLI11_)", found[1]):
                yield f"{self.name(path)}:{number}: macro {found[1]}"

    def threads_live_where_they_are_driven(self):
        for path, number, line in self.lines():
            top = path.relative_to(self.src).parts[0]
            # An HTTP listener and a C library's call-back loop have a thread of their own, and so has a call of libcurl that waits.
            driven = top in ("base", "pipeline", "worker", "rest", "wire", "command") or path.stem == "smtp_client"
            if THREADS.search(line) and not driven and not DOUBLES.search(path.stem):
                yield f"{self.name(path)}:{number}: threads are pipeline/'s"

    def clocks_are_asked_in_base(self):
        for path, number, line in self.lines():
            if CLOCKS.search(line) and path.relative_to(self.src).parts[0] != "base":
                yield f"{self.name(path)}:{number}: time comes from base/clock.h"

    def nothing_is_thrown(self):
        for path, number, line in self.lines():
            if re.search(r"\bthrow\b(?!\(\))", line) and not path.stem.endswith("_test"):
                yield f"{self.name(path)}:{number}: errors are values (Result)"

    def no_unfinished_work(self):
        for path, text in self.text.items():
            for number, line in enumerate(text.splitlines(), 1):
                if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                    yield f"{self.name(path)}:{number}: file an issue instead"

    def every_component_has_a_test(self):
        for stage in ("transform", "convert", "sink", "store", "source"):
            for folder in sorted(p for p in (self.src / stage).glob("*") if p.is_dir()):
                if any(folder.glob("*.cc")) and not any(folder.glob("*_test.cc")):
                    yield f"{self.name(folder)}: no unit test"

    def nothing_large_or_binary_is_kept(self):
        for path in self.tracked():
            limit = MAX_CASE_BYTES if "golden/cases" in str(path) else MAX_BYTES
            if path.stat().st_size > limit:
                yield f"{self.name(path)}: {path.stat().st_size} bytes"
            if path.suffix in (".so", ".a", ".o", ".jar", ".tgz", ".gz", ".zip", ".whl", ".duckdb", ".exe"):
                yield f"{self.name(path)}: fetched or built things do not come in"

    def no_third_party_code(self):
        mark = re.compile(r"(Copyright \(c\)|SPDX-License-Identifier|Licensed under|All rights reserved)", re.IGNORECASE)
        for path in self.tracked():
            if path.suffix in (".h", ".cc", ".py", ".sh", ".js", ".css") and path.name != "house_rules.py" and mark.search(path.read_text(errors="replace")):
                yield f"{self.name(path)}: someone's licence header"
        for folder in ("third_party", "vendor", "external", "extern"):
            if (self.root / folder).exists():
                yield f"{folder}/: dependencies come by scripts/setup"

    def pages_that_are_named_exist(self):
        for path in self.tracked():
            if path.suffix in (".h", ".cc", ".py", ".md", ".toml", ""):
                for found in re.finditer(r"\bdocs/[\w/-]+\.md", path.read_text(errors="replace")):
                    if not (self.root / found[0]).exists():
                        yield f"{self.name(path)}: {found[0]} is not there"

    def scripts_explain_themselves(self):
        for path in [self.root / "test", self.root / "demo", *sorted((self.root / "scripts").glob("*"))]:
            if path.is_file():
                out = subprocess.run([str(path), "--help"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=20)
                if out.returncode or len(out.stdout) < 80:
                    yield f"{self.name(path)}: --help says nothing"


RULES = [rule for rule in vars(House) if not rule.startswith("_") and rule not in ("name", "lines", "tracked")]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]).resolve()
    house, failed = House(root), 0
    for rule in RULES:
        violations = list(getattr(house, rule)())
        failed += bool(violations)
        print(f"{'FAIL' if violations else 'ok  '} {rule.replace('_', ' ')}")
        for violation in violations:
            print(f"    {violation}")
    print(f"{len(RULES) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
