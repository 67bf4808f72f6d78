"""What a process costs, from /proc: for tests that look for spinning and leaks."""
import dataclasses
import os
import pathlib


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
