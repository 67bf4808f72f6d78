"""./demo, shortened: it proves what it says, cleans up, also when it is interrupted."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from support import program, waiting

DEMO = pathlib.Path(__file__).resolve().parents[2] / "examples/shop/demo.py"


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-demo-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def demo(self, **env):
        child = subprocess.Popen([sys.executable, str(DEMO)], cwd=DEMO.parents[2], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, env={**os.environ, "MILLRACE": program.path(), "DEMO_FOLDER": str(self.folder / "files"), "DEMO_SECONDS": "5",
                                                 "DEMO_RATE": "200", **env})
        self.addCleanup(child.stdout.close)
        return child

    def gone(self, output):
        """Nothing that it started still listens."""
        ports = [int(p) for p in re.findall(r"\d{4,5}", next(line for line in output.splitlines() if "PostgreSQL on port" in line))]
        self.assertGreaterEqual(len(ports), 3)
        for port in ports:
            waiting.until(f"port {port} free", lambda p=port: not listens(p), 15)

    def test_it_proves_that_all_arrived(self):
        child = self.demo()
        output = child.communicate(timeout=180)[0]
        self.assertEqual(child.returncode, 0, output)
        for words in ("Rows per table", "millrace verify", "Five rows of the history", "e-mails, as received", "Message-ID: <", "peak memory", "shop.duckdb"):
            self.assertIn(words, output)
        self.assertRegex(output, r"\d+ events +\d+/s  lag")
        self.assertNotIn("\033", output, "plain lines where stdout is no terminal")
        self.assertTrue((self.folder / "files/shop.duckdb").exists())
        self.gone(output)

    def test_interrupted_it_cleans_up(self):
        child = self.demo(DEMO_SECONDS="60")
        shown = ""
        while "events" not in shown:
            line = child.stdout.readline()
            self.assertTrue(line, shown)
            shown += line
        child.send_signal(signal.SIGINT)
        shown += child.communicate(timeout=60)[0]
        self.assertEqual(child.returncode, 130, shown)
        self.gone(shown)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
