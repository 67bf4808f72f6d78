#!/usr/bin/env python3
"""Run test modules, several at once, and count: the end-to-end tests' runner.

    run.py [--jobs N] [--slow] [-k WORD] [MODULE…]      MODULE: tests/e2e/test_X.py or e2e.test_X; default: tests/e2e, tests/differential

Each module is a process of its own (own servers); classes that have `needs_kafka = True` share one broker, which this
starts. A line a test, then 'N passed, N failed'. The program under test is $MILLRACE (default build/dev/millrace).
Tests marked slow (support.case.slow) run with --slow, and only they.
"""
import argparse
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Counter(unittest.TestResult):
    """Prints a line a test as it ends. A test that is skipped counts as neither, and says why."""

    def __init__(self):
        super().__init__()
        self.passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.began, self.problem, self.skip = time.monotonic(), "", ""

    def note(self, error):
        self.problem += self._exc_info_to_string(error, None).strip() + "\n"  # a cleanup may fail after the test has

    def addError(self, test, error):
        if not isinstance(test, unittest.TestCase):  # a class or module that could not be set up
            self.failures.append((test, ""))
            print(f"FAIL {test}\n    " + self._exc_info_to_string(error, None).strip().replace("\n", "\n    "), flush=True)
            return
        self.note(error)

    def addFailure(self, test, error):
        self.note(error)

    def addSubTest(self, test, subtest, error):
        if error:
            self.problem += f"{subtest.params}: " + self._exc_info_to_string(error, None).strip() + "\n"

    def addSkip(self, test, reason):
        self.skip = reason
        if not isinstance(test, unittest.TestCase):  # a class
            print(f"skip {test}: {reason}", flush=True)

    def _exc_info_to_string(self, error, test):
        return super()._exc_info_to_string(error, test or unittest.FunctionTestCase(lambda: None))

    def stopTest(self, test):
        super().stopTest(test)
        name = f"{type(test).__module__}.{test._testMethodName}"
        seconds = time.monotonic() - self.began
        if self.problem:
            self.failures.append((test, self.problem))
            print(f"FAIL {name} ({seconds:.1f} s)\n    " + self.problem.replace("\n", "\n    "), flush=True)
        elif self.skip:
            print(f"skip {name}: {self.skip}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name} ({seconds:.1f} s)", flush=True)


def run_module(module, word):
    """In the child: the tests of one module in this process, the slow ones or the others."""
    wanted = "MILLRACE_TEST_SLOW" in os.environ
    loader = unittest.TestLoader()
    if word:
        loader.testNamePatterns = [f"*{word}*"]
    result = Counter()
    try:
        kept = [chosen(suite, wanted) for suite in loader.loadTestsFromName(module)]
        unittest.TestSuite(suite for suite in kept if suite.countTestCases()).run(result)
    except ImportError as error:
        print(f"FAIL {module}\n    {error}", flush=True)
        result.failures.append((module, str(error)))
    print(f"{result.passed} passed, {len(result.failures)} failed", flush=True)
    return 1 if result.failures else 0


def chosen(suite, slow):
    """A class's tests without those that are (or are not) slow; an empty class sets up no server."""
    tests = [suite] if isinstance(suite, unittest.TestCase) else list(suite)
    return unittest.TestSuite(t for t in tests if getattr(getattr(t, t._testMethodName), "slow", False) == slow)


def names(modules):
    if not modules:
        return [f"{folder}.{path.stem}" for folder in ("e2e", "differential") for path in sorted((HERE / folder).glob("test_*.py"))]
    return [name if "/" not in name and not name.endswith(".py") else f"{pathlib.Path(name).resolve().parent.name}.{pathlib.Path(name).stem}"
            for name in modules]


def run_child(module, args):
    command = [sys.executable, str(HERE / "run.py"), "--child", module] + (["-k", args.word] if args.word else [])
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                         env={**os.environ, "PYTHONPATH": str(HERE)})
    lines = run.stdout.splitlines()
    last = lines[-1].split() if lines else []
    if len(last) == 4 and last[1] == "passed," and last[3] == "failed":
        print("\n".join(lines[:-1]), flush=True)
        return int(last[0]), int(last[2])
    print(f"FAIL {module}: ended with {run.returncode} before its end\n    " + "\n    ".join(lines[-40:]), flush=True)
    return 0, 1


def wants_kafka(modules):
    return any("needs_kafka = True" in (HERE / (name.replace(".", "/") + ".py")).read_text() for name in modules
               if (HERE / (name.replace(".", "/") + ".py")).exists())


def run_all(args):
    modules, broker = names(args.modules), None
    if wants_kafka(modules) and "MILLRACE_TEST_KAFKA" not in os.environ:
        from support.kafka import Broker
        broker = Broker().start()
        os.environ["MILLRACE_TEST_KAFKA"] = broker.address
    try:
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            counts = list(pool.map(lambda module: run_child(module, args), modules))
    finally:
        if broker:
            broker.remove()
    passed, failed = sum(c[0] for c in counts), sum(c[1] for c in counts)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended too
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("-k", dest="word", default="")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("modules", nargs="*")
    args = parser.parse_args()
    if args.slow:
        os.environ["MILLRACE_TEST_SLOW"] = "1"
    if args.child:
        sys.exit(run_module(args.modules[0], args.word))
    sys.exit(run_all(args))


if __name__ == "__main__":
    main()
