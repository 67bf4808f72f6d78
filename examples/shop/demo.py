#!/usr/bin/env python3
"""What ./demo runs once everything is built: a throw-away PostgreSQL, an SMTP server, millrace, 20 s of a busy shop.

Ends with proof that what arrived is what was sent. KEEP=1: stays until Ctrl-C. DEMO_SECONDS, DEMO_RATE: the traffic. DEMO_FOLDER: for its files.
Everything it started ends with it; the warehouse, the mails and the log stay in build/demo until the next run.
"""
import email
import email.policy
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from support import waiting  # noqa: E402
from support.postgres import Cluster  # noqa: E402
from support.smtp import Mailbox  # noqa: E402

PROGRAM = os.environ.get("MILLRACE", str(ROOT / "build/release/millrace"))
PIPELINE = os.path.relpath(HERE / "pipeline.toml")
SECONDS, RATE = float(os.environ.get("DEMO_SECONDS", "20")), float(os.environ.get("DEMO_RATE", "300"))
TABLES = ("inventory", "products", "subscriptions")
TERMINAL = sys.stdout.isatty()


class Failed(Exception):
    """The demo cannot go on; the text says why."""


def say(text=""):
    print(text, flush=True)


def heading(text):
    say()
    say(f"\033[1m{text}\033[0m" if TERMINAL else f"== {text}")


class Demo:
    def __init__(self):
        self.folder = pathlib.Path(os.environ.get("DEMO_FOLDER", ROOT / "build/demo"))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.mail_folder = self.folder / "mails"
        self.mail_folder.mkdir()
        self.http_port = waiting.free_port()
        self.cluster, self.mailbox, self.program, self.traffic = Cluster(), Mailbox(folder=self.mail_folder), None, None
        self.live, self.peak = Live(self), 0
        self.env = {"SHOP_PG_PORT": str(self.cluster.port), "SHOP_SMTP_PORT": str(self.mailbox.port),
                    "SHOP_HTTP_PORT": str(self.http_port), "SHOP_FOLDER": str(self.folder)}

    # ---- the stages

    def start(self):
        self.cluster.start()
        self.cluster.new_database("inventory", (HERE / "shop.sql").read_text())
        self.mailbox.start()
        (self.folder / "env").write_text("".join(f"export {name}={value}\n" for name, value in self.env.items()))
        with open(self.folder / "millrace.log", "wb") as log:
            self.program = subprocess.Popen([PROGRAM, "run", PIPELINE], env={**os.environ, **self.env}, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        say(f"PostgreSQL on port {self.cluster.port}, SMTP on {self.mailbox.port}, millrace on {self.http_port} (/metrics, /status, /health)")
        waiting.until("millrace streaming", self.healthy, limit=60, alive=self.gone)

    def gone(self):
        if self.program.poll() is None:
            return None
        return f"millrace ended with {self.program.returncode}:\n" + (self.folder / "millrace.log").read_text(errors="replace")[-3000:]

    def get(self, where):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{where}", timeout=3) as answer:
            return answer.read().decode()

    def healthy(self):
        try:
            self.get("/health")
            return True
        except OSError:
            return False

    def drive(self):
        dsn = f"host=127.0.0.1 port={self.cluster.port} user=postgres dbname=inventory"
        self.traffic = subprocess.Popen([sys.executable, str(HERE / "traffic.py"), dsn, "--seconds", str(SECONDS), "--rate", str(RATE)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        while self.traffic.poll() is None:
            self.live.show()
            if self.gone():
                raise Failed(self.gone())
            time.sleep(0.5 if TERMINAL else 2)
        done = json.loads(self.traffic.stdout.read() or "{}")
        waiting.until("everything delivered", lambda: self.live.show() or self.caught_up(), limit=60, step=0.5, alive=self.gone)
        self.live.end()
        say(f"{done.pop('transactions', 0)} transactions: " + ", ".join(f"{count} × {name.replace('_', ' ')}" for name, count in sorted(done.items())))

    def caught_up(self):
        """The slot has passed all that was committed when this was asked first."""
        if not hasattr(self, "target"):
            self.target = self.cluster.value("select pg_current_wal_insert_lsn()")
        return self.cluster.value("select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = 'shop'", self.target)

    def millrace(self, *args):
        return subprocess.run([PROGRAM, *args], env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)

    def query(self, sql):
        run = self.millrace("query", PIPELINE, sql)
        if run.returncode:
            raise Failed(f"millrace query failed: {run.stderr.strip()}")
        return run.stdout.rstrip()

    def prove(self):
        heading("Rows per table")
        at_source = {t: self.cluster.value(f"select count(*) from {t}", database="inventory") for t in TABLES}
        say("PostgreSQL   " + "   ".join(f"{t} {n}" for t, n in at_source.items()))
        say(self.query("SELECT " + ", ".join(f"(SELECT count(*) FROM {t}) AS {t}" for t in (*TABLES, "inventory_history"))))
        heading("millrace verify: every table compared with the warehouse")
        verify = self.millrace("verify", PIPELINE)
        say((verify.stdout + verify.stderr).strip())
        if verify.returncode:
            raise Failed("the warehouse differs from the source")
        heading("Five rows of the history")
        say(self.query("SELECT * FROM inventory_history ORDER BY timestamp DESC LIMIT 5"))
        self.show_mails()
        self.peak = peak_memory(self.program.pid)
        heading("Memory and files")
        say(f"millrace's peak memory: {self.peak / 1024:.0f} MiB (DuckDB's library and its memory included)")
        say(f"warehouse {self.folder}/shop.duckdb, mails {self.mail_folder}/, log {self.folder}/millrace.log")

    def show_mails(self):
        files = sorted(self.mail_folder.glob("*.eml"))
        heading(f"Two of the {len(files)} e-mails, as received")
        if not files:
            raise Failed("no e-mail arrived")
        for path in files[:2]:
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for name in ("From", "To", "Subject", "Message-ID"):
                say(f"  {name}: {message[name]}")
            say("  " + message.get_body(("plain",)).get_content().strip().replace("\n", "\n  "))
            say()

    def keep(self):
        heading("Left running until Ctrl-C")
        say(f"""In another terminal, from {ROOT}:
  . {self.folder}/env
  {PROGRAM} query {PIPELINE} "SELECT * FROM inventory ORDER BY sku LIMIT 5"
  {PROGRAM} verify {PIPELINE}
  psql -h 127.0.0.1 -p {self.cluster.port} -U postgres inventory -c "UPDATE inventory SET available = 0 WHERE sku = 'SKU-0010'"
  psql -h 127.0.0.1 -p {self.cluster.port} -U postgres inventory -c "UPDATE inventory SET available = 9 WHERE sku = 'SKU-0010'"
  ls {self.mail_folder}
  curl -s http://127.0.0.1:{self.http_port}/metrics
  curl -s http://127.0.0.1:{self.http_port}/status""")
        while self.program.poll() is None:
            time.sleep(1)
        raise Failed(self.gone())

    def clean_up(self):
        self.live.end()
        for process in (self.traffic, self.program):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.mailbox.stop()
        self.cluster.remove()


class Live:
    """The line that shows how it goes: one that is written over on a terminal, else a plain line each time."""

    def __init__(self, demo):
        self.demo, self.last, self.open = demo, None, False

    def show(self):
        try:
            text = self.demo.get("/metrics")
        except OSError:
            return
        events, now = metric(text, "millrace_source_events_total"), time.monotonic()
        rate = (events - self.last[0]) / max(now - self.last[1], 0.001) if self.last else 0
        self.last = (events, now)
        line = (f"{events:7.0f} events  {rate:6.0f}/s  lag {metric(text, 'millrace_branch_lag_ms', max):5.0f} ms "
                f"{metric(text, 'millrace_branch_lag_bytes', max) / 1024:6.0f} KiB  memory {rss(self.demo.program.pid) / 1024:4.0f} MiB  "
                f"mails {len(self.demo.mailbox.seen()):3}")
        if TERMINAL:
            print("\r" + line + "\033[K", end="", flush=True)
            self.open = True
        else:
            say(line)

    def end(self):
        if self.open:
            say()
        self.open = False


def metric(text, name, together=sum):
    """The value of a metric over all its labels; 0 where there is none."""
    found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
    return together(float(value) for value in found) if found else 0.0


def status_field(pid, name):
    try:
        return int(re.search(name + r":\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
    except (OSError, TypeError):
        return 0


def rss(pid):
    return status_field(pid, "VmRSS")


def peak_memory(pid):
    return status_field(pid, "VmHWM")


def main():
    # SIGTERM ends it as Ctrl-C does; both only once, so that nothing interrupts the cleaning up. Started in the background
    # by a script, SIGINT would be ignored: so it is asked for.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    demo, code = Demo(), 0
    try:
        heading("The shop opens")
        demo.start()
        heading(f"{SECONDS:.0f} seconds of traffic, about {RATE:.0f} transactions a second")
        demo.drive()
        demo.prove()
        if os.environ.get("KEEP", "") not in ("", "0"):
            demo.keep()
    except KeyboardInterrupt:
        code = 130
    except (Failed, AssertionError, RuntimeError) as error:
        say(f"\ndemo: {error}")
        code = 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.clean_up()
    sys.exit(code)


if __name__ == "__main__":
    main()
