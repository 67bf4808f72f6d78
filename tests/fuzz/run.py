#!/usr/bin/env python3
"""Runs the fuzz targets: run.py [--seconds N] [--jobs N] [NAME…]      after scripts/build fuzz fuzz_all; default: all, a minute each

Each starts from its seeds in corpus/NAME and its words in NAME.dict; what it finds new is kept for this run only. An input that it breaks on is left
in build/fuzz/found. A line a target, then 'N passed, N failed'.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build/fuzz"


def fuzz(name, seconds):
    """(line to print, whether it went well)"""
    found, words = BUILD / "found", HERE / f"{name}.dict"
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="millrace-fuzz-") as grown:
        command = [BUILD / "tests/fuzz" / f"fuzz_{name}", grown, HERE / "corpus" / name, f"-max_total_time={seconds}", f"-artifact_prefix={found}/{name}-",
                   "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", *([f"-dict={words}"] if words.exists() else [])]
        run = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                             check=False, timeout=seconds + 300)
    runs = re.search(r"number_of_executed_units: (\d+)", run.stdout)
    covered = re.findall(r" cov: (\d+) ", run.stdout)
    if run.returncode == 0 and runs and int(runs[1]) > 0:
        return f"ok   fuzz {name}: {int(runs[1]):,} inputs in {seconds} s, {covered[-1] if covered else '?'} edges", True
    return f"FAIL fuzz {name}\n    " + run.stdout[-3000:].replace("\n", "\n    "), False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    names = args.names or sorted(path.stem.removesuffix("_fuzz") for path in HERE.glob("*_fuzz.cc"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for line, well in pool.map(lambda name: fuzz(name, args.seconds), names):
            print(line, flush=True)
            failed += not well
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
