#!/usr/bin/env python3
"""Run the gtest programs of a build folder, two at once, and count their tests: unit.py BUILD [-k FILTER]

A program that crashes (or that a sanitizer ends) counts as one failure and its output is shown.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile


def run(program, pattern):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        out = subprocess.run([str(program), f"--gtest_output=json:{report}", "--gtest_brief=1", f"--gtest_filter={pattern}"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, timeout=300, check=False)
        text = out.stdout.decode(errors="replace")
        if not report.exists():
            return program.name, 0, 1, text or f"ended with {out.returncode}"
        told = json.loads(report.read_text())
        failed = told["failures"] + told.get("errors", 0)
        if out.returncode and not failed:
            return program.name, told["tests"], 1, text
        return program.name, told["tests"] - told["disabled"] - failed, failed, text if failed else ""


def safely(program, pattern):
    try:
        return run(program, pattern)
    except subprocess.TimeoutExpired:
        return program.name, 0, 1, "not done within 300 s"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("-k", dest="pattern", default="*")
    args = parser.parse_args()
    programs = sorted(p.resolve() for p in args.build.glob("test_*") if os.access(p, os.X_OK) and p.is_file())
    if not programs:
        sys.exit(f"no unit tests in {args.build}: run scripts/build dev")
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, good, bad, text in pool.map(lambda p: safely(p, args.pattern), programs):
            passed, failed = passed + good, failed + bad
            print(f"{'FAIL' if bad else 'ok  '} {name}: {good} passed, {bad} failed", flush=True)
            if text:
                print("    " + text[-6000:].strip().replace("\n", "\n    "), flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
