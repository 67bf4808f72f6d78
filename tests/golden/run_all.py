#!/usr/bin/env python3
"""Run golden cases in parallel, each worker with a database and a slot of its own.

    run_all.py --millrace PROGRAM [--jobs N] [--list FILE | --all] [-v] [--set NAME=VALUE] [CASE...]

Without --list and CASE: the cases of passing.txt, those that must pass now. PGHOST PGPORT: a server as run_case.py
wants it; without PGPORT a throw-away one is started. Prints a line a case, then 'N passed, N failed'.
"""
import argparse
import concurrent.futures
import os
import pathlib
import queue
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def listed(path):
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def chosen_cases(args):
    if args.cases:
        return [pathlib.Path(name).name for name in args.cases]
    if args.all:
        return sorted(path.name for path in (HERE / "cases").iterdir())
    return listed(args.list)


def run_case(name, sut, letter, verbose):
    env = {**os.environ, "GOLDEN_DB": f"golden_{letter}", "GOLDEN_SLOT": f"golden_slot_{letter}"}
    command = [sys.executable, str(HERE / "run_case.py"), "--sut", sut, str(HERE / "cases" / name)]
    run = subprocess.run(command + (["-v"] if verbose else []), env=env, capture_output=True, text=True, check=False)
    lines = run.stdout.splitlines()
    shown = [line for line in lines if not line.endswith(" failed")]
    if run.returncode and not shown:
        shown = [f"FAIL {name}", "    " + run.stderr.strip()[-2000:]]
    return run.returncode == 0, shown


def run_cases(cases, sut, jobs, verbose):
    letters = queue.SimpleQueue()
    for number in range(jobs):
        letters.put(chr(ord("a") + number))

    def one(name):
        letter = letters.get()
        try:
            return run_case(name, sut, letter, verbose)
        finally:
            letters.put(letter)

    passed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(one, name) for name in cases]):
            good, shown = future.result()
            passed += good
            print("\n".join(shown), flush=True)
    return passed, len(cases) - passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", default="build/dev/millrace")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--list", type=pathlib.Path, default=HERE / "passing.txt")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting for every case, as millrace run has it")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    cases = chosen_cases(args)
    missing = [name for name in cases if not (HERE / "cases" / name / "case.json").exists()]
    if missing:
        sys.exit(f"no such case: {', '.join(missing)}")
    sut = f"{shlex.quote(os.path.abspath(args.millrace))} run {{config}} --to stdout --set state.folder={{config}}.state"
    sut += "".join(f" --set {shlex.quote(setting)}" for setting in args.set)
    if "PGPORT" in os.environ:
        passed, failed = run_cases(cases, sut, args.jobs, args.verbose)
    else:
        from support.postgres import Cluster
        with Cluster() as cluster:
            os.environ.update(PGHOST="127.0.0.1", PGPORT=str(cluster.port), PGUSER="postgres")
            passed, failed = run_cases(cases, sut, args.jobs, args.verbose)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
