"""What a process costs, from /proc: for tests that look for spinning and leaks."""
import contextlib
import dataclasses
import json
import os
import pathlib
import time

from support import program

MEGABYTE = 1 << 20
SHADOW = 5 if "TSAN_OPTIONS" in os.environ else 1  # ThreadSanitizer keeps up to four bytes beside each that is touched
# What the sanitizer keeps of freed memory is no leak.
ENVIRONMENT = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}


@dataclasses.dataclass(frozen=True)
class Vitals:
    cpu: float         # seconds of processor time since its start
    resident: int      # bytes
    descriptors: int
    threads: int


def of(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return Vitals(cpu=(int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), resident=int(stat[21]) * os.sysconf("SC_PAGE_SIZE"),
                  descriptors=len(os.listdir(f"/proc/{pid}/fd")), threads=int(stat[17]))


class Watching:
    """For a ServerCase whose child was started with ENVIRONMENT and http.listen on port self.http. Prints what it measured."""

    def status(self):
        code, text = program.http_get(self.http, "/status")
        return json.loads(text) if code == 200 else {}

    def well(self, child, limit=90):
        child.until("all well", lambda: self.status().get("healthy"), limit)

    def measured(self, figures):
        print(f"     {type(self).__name__}.{self.name}: {figures}", flush=True)

    def idles(self, child, seconds):
        """It does next to nothing for so long: it waits and does not spin."""
        before = of(child.process.pid)
        time.sleep(seconds)
        used = of(child.process.pid).cpu - before.cpu
        self.measured(f"{used:.2f} s of processor time in {seconds} s of waiting")
        self.assertLess(used, 0.3 * seconds, f"{used:.1f} s of processor time in an outage of {seconds} s")

    @contextlib.contextmanager
    def leaks_nothing(self, child, megabytes=64):
        self.well(child)
        before = of(child.process.pid)
        yield
        self.well(child)
        self.wait_confirmed(child, limit=120)
        after = of(child.process.pid)
        grown = after.resident - before.resident
        self.measured(f"resident {before.resident / MEGABYTE:.0f} {grown / MEGABYTE:+.1f} MB, descriptors {before.descriptors} "
                      f"{after.descriptors - before.descriptors:+}, threads {before.threads} {after.threads - before.threads:+}")
        self.assertLessEqual(after.descriptors, before.descriptors + 2)
        self.assertLessEqual(after.threads, before.threads + 1)
        self.assertLess(grown, megabytes * MEGABYTE * SHADOW)
