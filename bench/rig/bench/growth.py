"""What a run costs as the work grows: time, CPU and memory of millrace and PostgreSQL, and the exponent of their growth.
Without Kafka unless asked (--to kafka): lines of JSON to /dev/null, branches to files in memory."""
import json, os, shutil, tempfile, time
from pathlib import Path
from cost_fit import verdict
from databases import drop_slots, sql
from growth_work import POINTS, UNITS, drop, make
from places import HOME
from sinks import STATUS, arguments, delivered
from sut import Sut, commit
from topics import drop_topics
from usage import cpu

FLOOR = {"seconds": 0.2, "cpu_s": 0.1, "pg_cpu_s": 0.1, "peak_rss_mb": 3}    # less than this is noise
ENOUGH_S, ENOUGH_RUNS = 6, 3      # a short run is repeated


class Grown(Sut):
    """On schema g, into a sink that costs nothing, or into `branches` files."""
    def __init__(self, a, db, mode, folder, branches):
        super().__init__(a, db, "g", **{"table.include.list": r"g\..*", "publication.name": "p", "publication.autocreate.mode": "disabled",
                                        "snapshot.mode": "no_data" if mode == "stream" else "initial", "http.listen": STATUS,
                                        "producer.override.max.request.size": "3000000"})
        self.branches, self.folder = branches, folder
        if branches:
            self.more = ["--set", f"state.folder={folder}/state"]
        elif a.to != "kafka":
            self.more = arguments(a.to, folder / "out")

    def document(self):
        if not self.branches:
            return super().document()
        source = {k: v for k, v in self.config.items() if k.split(".")[0] in ("database", "topic", "table", "slot", "publication", "snapshot")}
        text = f'name = "{self.name}"\nhttp.listen = "{STATUS}"\n[source]\n' + "".join(f"{k} = '{v}'\n" for k, v in source.items())
        for n in range(self.branches):
            text += f"[branch.b{n}]\n[branch.b{n}.sink]\ntype = 'file'\nfile.path = '{self.folder}/b{n}.jsonl'\n"
        return self.name + ".toml", text

    def stop(self):
        self.halt()
        drop_slots(self.db, self.name)
        if self.a.to == "kafka":
            drop_topics(self.name)


def once(a, db, mode, events, branches):
    folder = Path(tempfile.mkdtemp(prefix="grow-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    s = Grown(a, db, mode, folder, branches)
    if mode == "stream":
        sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", s.name)
    try:
        s.start(makes_topic=False)
        while (delivered() or 0) < events:
            if not os.path.exists(f"/proc/{s.pid}") or time.time() - s.launched > 1200:
                raise RuntimeError(f"{a.sut} ended or is stuck at {delivered()} of {events} changes")
            time.sleep(0.02)
        return {"seconds": round(time.time() - s.launched, 2), **s.usage()}
    finally:
        s.stop()
        shutil.rmtree(folder)


def point(a, db, mode, events, branches):
    """The least time of a few short runs, and their highest peak; or one long one."""
    runs = []
    while len(runs) < ENOUGH_RUNS and sum(r["seconds"] for r in runs) < ENOUGH_S:
        runs.append(once(a, db, mode, events, branches))
    best = min(runs, key=lambda r: r["seconds"])
    return {**{k: (max if k == "peak_rss_mb" else min)(r[k] for r in runs) for k in FLOOR}, "noise": best["noise"], "runs": len(runs)}


def growth(a):
    lines = {mode: [] for mode in (["snapshot", "stream"] if not a.only else ["snapshot"])}
    for n in [int(float(p)) for p in a.points.split(",")] if a.points else POINTS[a.what]:
        db, changes = make(a.what, n)
        try:
            branches = n if a.what == "branches" else 0
            events = changes * max(branches, 1)
            for mode, done in lines.items():
                line = {"dimension": a.what, "mode": mode, "to": "file" if branches else a.to, "n": n, "events": events, "commit": commit(),
                        **point(a, db, mode, events, branches)}
                done.append(line)
                print(json.dumps(line), flush=True)
                with open(HOME / "growth.jsonl", "a") as f:
                    f.write(json.dumps(line) + "\n")
        finally:
            drop(db)
    for mode, done in lines.items():
        for what, floor in FLOOR.items():
            if len(done) > 2:
                k, word = verdict([(line["n"], line[what]) for line in done], floor)
                print(f"{mode} {what} against {UNITS[a.what]}: exponent {k}, {word}")
