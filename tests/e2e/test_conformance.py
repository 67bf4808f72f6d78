"""The conformance suite for sinks (tests/conformance), each sink against its real store: a broker and a mail server that this
starts, and a small disk that the suite fills.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from support import program
from support.case import slow
from support.disk import SmallDisk
from support.kafka import Broker
from support.smtp import Mailbox

SUITE = pathlib.Path(program.path()).parent / "conformance"


class SinkConformance(unittest.TestCase):
    longMessage = True

    def suite(self, pattern, env=None, prefix=(), limit=400):
        run = subprocess.run([*prefix, str(SUITE), "--gtest_brief=1", f"--gtest_filter={pattern}"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False, timeout=limit,
                             env={**os.environ, **(env or {})})
        told = "".join(line for line in run.stdout.splitlines(keepends=True) if not line.startswith("ts="))
        self.assertEqual(run.returncode, 0, told[-6000:])
        passed = re.search(r"\[  PASSED  \] (\d+) test", run.stdout)
        self.assertGreaterEqual(int(passed[1]) if passed else 0, 5, run.stdout[-2000:])

    def preloaded(self, library):
        sanitizer = os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + ":verify_asan_link_order=0"
        return {"LD_PRELOAD": str(SUITE.parent / f"{library}.so"), "ASAN_OPTIONS": sanitizer}

    def on_a_small_disk(self, pattern):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-disk-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with SmallDisk(folder, megabytes=24) as disk:
            self.suite(pattern, {"MILLRACE_TEST_DISK": str(folder)}, disk.prefix)

    def on_disks_that_fail(self, env=None, limit=400):
        memory = "/dev/shm"  # whose calls fail as those of a disk do, and whose syncs take no time
        folder = {"TMPDIR": memory} if os.access(memory, os.W_OK) else {}
        self.suite("*DiskFaults*", {**self.preloaded("faulty_disk"), **folder, **(env or {})}, limit=limit)

    def test_disks_that_fail(self):
        self.on_disks_that_fail()

    @slow
    def test_disks_that_fail_at_every_call(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            shards = [{"MILLRACE_TEST_EVERY_CALL": "1", "GTEST_TOTAL_SHARDS": "2", "GTEST_SHARD_INDEX": str(i)} for i in range(2)]
            list(pool.map(lambda shard: self.on_disks_that_fail(shard, limit=5400), shards))

    def test_the_suite_finds_broken_sinks(self):
        self.suite("SuiteItself*")

    def test_stdout(self):
        self.suite("Real/*/stdout_*")

    def test_file(self):
        self.on_a_small_disk("Real/*/file_*")

    def test_duckdb_history(self):
        self.on_a_small_disk("Real/*/duckdb_history_*")

    def test_duckdb_mirror(self):
        self.on_a_small_disk("Real/*/duckdb_mirror_*")

    def test_kafka(self):
        self.on_a_broker("Real/*/kafka_*:-*/kafka_once_*")

    def test_kafka_exactly_once(self):
        self.on_a_broker("Real/*/kafka_once_*")

    def test_kafka_exactly_once_with_a_slow_thread_of_librdkafka(self):
        cases = ("DeliversInOrder", "GoesAway", "IsAway", "IsReconnected", "TakesTheSameAgain", "Dies")
        self.on_a_broker(":".join(f"Real/*/kafka_once_{name}" for name in cases),
                         {**self.preloaded("slow_kafka_thread"), "SLOW_KAFKA_THREAD": "3000"})

    def on_a_broker(self, pattern, env=None):
        with Broker(gated=True) as broker:
            self.suite(pattern, {"MILLRACE_TEST_KAFKA_DIRECT": broker.address, "MILLRACE_TEST_KAFKA_GATE": str(broker.gate),
                                 "MILLRACE_TEST_KAFKA_BEHIND_GATE": str(broker.behind), **(env or {})})

    def test_email(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-mails-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with Mailbox(folder=folder) as mailbox:
            mailbox.refuse["refused@example.com"] = "550 5.1.1 no such user"
            self.suite("Real/*/email_*", {"MILLRACE_TEST_SMTP": str(mailbox.port), "MILLRACE_TEST_MAILS": str(folder)})
