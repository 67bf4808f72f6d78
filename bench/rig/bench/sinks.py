"""A backlog of WAL into a sink of millrace's own, beside its two halves: the walsender into a client that discards, and
the sink with the same changes in memory (bench/limit/half_alone.cc)."""
import json, os, shutil, subprocess, time, urllib.request
from databases import drop_slots, sql, stream_db
from places import HOME
from sut import Sut, emit
from warm import warm

STATUS = "127.0.0.1:28099"
SINKS = {"file": ("file", {"file.path": "{}/changes.jsonl"}), "stdout": ("stdout", {}),
         "mirror": ("duckdb", {"duckdb.file": "{}/w.duckdb", "duckdb.mode": "mirror"}),
         "history": ("duckdb", {"duckdb.file": "{}/w.duckdb", "duckdb.mode": "history"})}


def arguments(kind, folder):
    plugin, settings = SINKS[kind]
    folder.mkdir(parents=True)
    out = ["--to", plugin, "--set", f"offset.storage.file.filename={folder}/offsets", "--set", f"state.folder={folder}/state"]
    for key, value in settings.items():
        out += ["--set", f"{key}={value.format(folder)}"]
    return out


def half(which, db, file, config, events, more):
    """Seconds of one half, on a slot of its own."""
    warm()
    slot = f"{config['slot.name']}_{which}"
    sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", slot)
    try:
        run = subprocess.run([os.environ["HALF_ALONE"], which, str(events), file, "--set", f"slot.name={slot}", *more],
                             check=True, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return json.loads(run.stderr.strip().splitlines()[-1])
    finally:
        drop_slots(db, slot)


def delivered():
    """Changes that are durable; None: it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://{STATUS}/status", timeout=2) as answer:
            return sum(b["events"] for p in [json.load(answer)] for b in p.get("branches", []))
    except OSError:
        return None


def sink(a):
    db = stream_db(a.table, a.changes, a.shape)
    s = Sut(a, db, a.table, **{"snapshot.mode": "no_data", "publication.name": "p", "publication.autocreate.mode": "disabled",
                               "http.listen": STATUS})
    folder = HOME / "run" / s.name
    s.more = arguments(a.what, folder / "run")
    sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", s.name)
    try:
        warm()
        s.start()
        while (delivered() or 0) < a.changes:
            if not os.path.exists(f"/proc/{s.pid}") or time.time() - s.launched > 600:
                raise RuntimeError(f"{a.sut} ended or is stuck at {delivered()} of {a.changes} changes")
            time.sleep(0.05)
        sec, use = time.time() - s.started, s.usage()
        s.halt()
        file = str(HOME / "run" / f"{s.name}.json")
        read = half("walsender", db, file, s.config, a.changes, arguments(a.what, folder / "walsender"))
        write = half("sink", db, file, s.config, a.changes, arguments(a.what, folder / "sink"))
        rates = {"walsender_per_s": round(a.changes / read["seconds"]), "sink_alone_per_s": round(a.changes / write["seconds"])}
        emit(a, "sink", to=a.what, table=a.table, seconds=round(sec, 2), events=a.changes, events_per_s=round(a.changes / sec),
             **rates, of_smaller=round(a.changes / sec / min(rates.values()), 2), sink_alone_cpu_s=write["cpu_s"], **use)
    finally:
        s.stop()
        shutil.rmtree(folder)
