"""bench/charts/*.svg from $RIG_HOME: memory over time, cost as work grows, throughput. What was not measured is left out."""
import json, os, statistics
from pathlib import Path
from svg import COLOURS, Chart

HOME = Path(os.environ.get("RIG_HOME", Path.home() / ".cache/cdc-rig"))
OUT = Path(__file__).resolve().parents[2] / "charts"
ALLOWED_MB = 64
FULL = 1_000_000   # changes
SCENARIOS = {"transaction": "a transaction of 5 M rows", "rows": "300 rows of 1 MB", "value": "one value of 100 MB", "tables": "5,000 tables",
             "wide-tables": "10 wide tables, snapshots at once", "away": "Kafka away for 5 minutes", "stream": "a backlog of 1 M changes"}
GROWTH = {"rows": "rows", "columns": "columns (100,000 rows)", "tables": "tables (100,000 rows in all)",
          "values": "bytes a value (1,000 rows)", "branches": "branches (500,000 rows, files)"}
TO_KAFKA = {"librdkafka alone": "librdkafka_per_s"}
HALVES = {"walsender alone": "walsender_per_s", "sink alone": "sink_alone_per_s"}
THROUGHPUT = [(f"{title} of {table} to Kafka", {"scenario": scenario, "table": table}, {name: field, **TO_KAFKA})
              for scenario, title, name, field in (("stream", "a backlog", "pg_recvlogical", "pg_recvlogical_per_s"),
                                                   ("snapshot", "a snapshot", "COPY alone", "copy_per_s"))
              for table in ("inventory", "wide")] + [
              (f"a backlog of inventory to {to}", {"scenario": "sink", "to": to}, HALVES) for to in ("stdout", "file", "history", "mirror")]
TIMES = {"seconds": "wall clock", "cpu_s": "CPU of millrace", "pg_cpu_s": "CPU of PostgreSQL"}


def lines_of(name):
    file = HOME / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def keep(name, chart):
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.svg").write_text(chart.svg())
    print(OUT / f"{name}.svg")


def memory():
    """The newest curve of each scenario and program."""
    curves = {}
    for line in lines_of("memory.jsonl"):
        what = line.get("what") if line.get("scenario") == "memory" else line.get("scenario")
        if what in SCENARIOS and line["mb"] and not line["label"]:
            curves.setdefault(what, {})[line["sut"]] = line["mb"]
    if not curves:
        return
    names = sorted({sut for of in curves.values() for sut in of}, key=lambda sut: sut != "millrace")
    colour = dict(zip(names, COLOURS))
    rows = (len(curves) + 1) // 2
    chart = Chart("Resident memory over time, capture to Kafka (MB)", 760, 70 + 230 * rows)
    chart.legend([(sut, colour[sut], False) for sut in names], 46)
    for n, what in enumerate(w for w in SCENARIOS if w in curves):
        left, top = 60 + 370 * (n % 2), 90 + 230 * (n // 2)
        chart.panel((left, top, left + 300, top + 140), SCENARIOS[what], "seconds",
                    [(points, colour[sut], False) for sut, points in curves[what].items()], False, len(curves[what]) > 1, [(ALLOWED_MB, "64 MB")])
    keep("memory", chart)


def growth(dimension):
    """The newest figures of each point."""
    newest = {}
    for line in lines_of("growth.jsonl"):
        if line["dimension"] == dimension and line["to"] != "kafka":
            newest[line["mode"], line["n"]] = line
    if not newest:
        return
    modes = sorted({mode for mode, _ in newest})
    series = lambda mode, what: sorted((n, line[what]) for (m, n), line in newest.items() if m == mode)
    unit = GROWTH[dimension]
    chart = Chart(f"Cost against {unit}", 760, 340)
    chart.legend([(name, COLOURS[i], False) for i, name in enumerate(TIMES.values())] +
                 [(mode, COLOURS[5], mode == "snapshot") for mode in modes], 48)
    chart.panel((60, 90, 390, 280), "seconds", unit,
                [(series(mode, what), COLOURS[i], mode == "snapshot") for i, what in enumerate(TIMES) for mode in modes], True, True)
    chart.panel((450, 90, 740, 280), "peak resident memory of millrace, MB", unit,
                [(series(mode, "peak_rss_mb"), COLOURS[3], mode == "snapshot") for mode in modes], True, False)
    keep(f"growth-{dimension}", chart)


def throughput():
    """Medians of the newest commit's runs beside their limits, without label, of a million changes and no other setting."""
    told = [line for line in lines_of("results.jsonl")
            if "commit" in line and not line.get("label") and not line.get("set") and not line.get("schemas")
            and line.get("events") == FULL and line.get("shape", "mixed") == "mixed"]
    beside = [line for line in told if "of_smaller" in line]
    if not beside:
        return
    told = [line for line in told if line["commit"] == beside[-1]["commit"]]
    groups = []
    for title, alike, alone in THROUGHPUT:
        of = [line for line in told if alike.items() <= line.items()]
        rates = {"millrace": [line["events_per_s"] for line in of if "of_smaller" in line],
                 **{name: [line[field] for line in of if field in line] for name, field in alone.items()},
                 "Debezium": [line["events_per_s"] for line in of if line["sut"].startswith("debezium")]}
        rows = [(name, statistics.median(values), COLOURS[i]) for i, (name, values) in enumerate(rates.items()) if values]
        if rates["millrace"]:
            groups.append((title, rows))
    chart = Chart("Throughput, events a second", 760, 40 + sum(40 + 26 * len(rows) for _, rows in groups))
    top = 40
    for title, rows in groups:
        chart.text(16, top + 16, title)
        chart.bars(top + 26, 150, 620, rows, "/s")
        top += 40 + 26 * len(rows)
    keep("throughput", chart)


memory()
for dimension in GROWTH:
    growth(dimension)
throughput()
