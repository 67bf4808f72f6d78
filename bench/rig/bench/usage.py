"""What processes used, from /proc."""
import os, re, threading, time
from pathlib import Path
from places import HOME

TICK = os.sysconf("SC_CLK_TCK")


def times(pid):
    """utime stime cutime cstime, in seconds."""
    return [int(x) / TICK for x in Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:15]]


def family(pid):
    """The process and its descendants."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        task = Path(f"/proc/{found[-1]}/task")
        try:
            threads = os.listdir(task)
        except OSError:
            continue        # the process has ended
        for thread in threads:
            try:
                todo += map(int, (task / thread / "children").read_text().split())
            except OSError:
                pass        # the thread has ended
    return found


def cpu(pid):
    """CPU seconds of a process and its children, the ended (and reaped) ones too."""
    total = 0
    for p in family(pid):
        try:
            total += sum(times(p))
        except OSError:
            pass
    return total


def rss_mb(pid, field="VmHWM"):
    total = 0
    for p in family(pid):
        try:
            total += int(re.search(field + r":\s+(\d+)", Path(f"/proc/{p}/status").read_text())[1])
        except (OSError, TypeError):
            pass
    return round(total / 1024)


def machine_busy():
    f = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(f) - f[3] - f[4]) / TICK                    # all but idle and iowait


def rig_pid(name):
    try:
        return int((HOME / "run" / f"{name}.pid").read_text().split()[0])
    except OSError:
        return None


class Use:
    """CPU seconds of the SUT, PostgreSQL, Kafka and everything else between two moments."""
    def __init__(self):
        self.pids = {"pg": next(filter(None, map(rig_pid, ["pg15", "pg17", "pg18"])), None),
                     "kafka": rig_pid("kafka")}
        self.at = {k: cpu(p) for k, p in self.pids.items() if p}
        self.busy, self.t, self.me = machine_busy(), time.time(), cpu(os.getpid())

    def report(self, sut_cpu):
        out = {k + "_cpu_s": round(cpu(p) - self.at[k], 2) for k, p in self.pids.items() if p}
        wall = time.time() - self.t
        other = machine_busy() - self.busy - sum(out.values()) - sut_cpu - (cpu(os.getpid()) - self.me)
        # share of the machine that others used meanwhile: 0 is a quiet machine
        out["noise"] = round(max(0, other) / wall / os.cpu_count(), 2)
        return out


class MemoryCurve:
    """Resident MB of a process over time, in a thread of its own, until stop()."""
    def __init__(self, pid, every=0.1):
        self.points, self.over, begin = [], threading.Event(), time.time()

        def watch():
            while not self.over.wait(every):
                if mb := rss_mb(pid, "VmRSS"):
                    self.points.append((round(time.time() - begin, 1), mb))
        self.thread = threading.Thread(target=watch, daemon=True)
        self.thread.start()

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.points
