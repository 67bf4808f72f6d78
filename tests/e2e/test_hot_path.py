"""What an event costs on the hot path, without servers: instructions (callgrind) and allocations, over recorded streams.

The instructions of bench/instructions.json are of the release build by Debian 12's compiler. A change that adds more than a tenth fails here;
one that is meant to is recorded by MILLRACE_RECORD_INSTRUCTIONS=1, and its commit says what it buys.
"""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSES = ROOT / "build/release/passes"
RECORDED = ROOT / "bench/instructions.json"
CASES = [(stream, stage) for stream in ("inventory", "wide") for stage in ("decode", "json", "json_schemas")] + [
    ("inventory_binary", "decode"), ("wide_binary", "decode")]
# The C library picks its routines by the processor: here always the same ones.
SAME_ROUTINES = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM"}


def passes(stream, stage, count, prefix=()):
    run = subprocess.run([*prefix, PASSES, ROOT / f"tests/streams/{stream}.stream", stage, str(count)], capture_output=True, text=True, check=False,
                         timeout=300, env={**os.environ, **SAME_ROUTINES})
    if run.returncode != 0:
        raise AssertionError(f"{run.stdout}{run.stderr}")
    events, allocations = map(int, re.fullmatch(r"(\d+) events (\d+) allocations\n", run.stdout).groups())
    return events, allocations, run.stderr


def instructions(stream, stage):
    """Of one event: what ten passes more take."""
    def collected(count):
        with tempfile.NamedTemporaryFile() as out:
            _, _, told = passes(stream, stage, count, ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}"])
        return int(re.search(r"Collected : (\d+)", told)[1])
    few, more = 4, 14
    events = passes(stream, stage, 2)[0]
    return (collected(more) - collected(few)) / (events * (more - few))


@unittest.skipUnless(PASSES.exists() or "CI" in os.environ, "no build/release/passes; scripts/build release passes makes it")
class HotPath(unittest.TestCase):
    def test_no_allocation_for_an_event(self):
        count = 30
        for stream, stage in CASES:
            events, allocations, _ = passes(stream, stage, 2 * count)
            print(f"     {stream} {stage}: {allocations / count:.1f} allocations for {events // count} events")
            self.assertLess(allocations / count, 40, f"{stream} {stage}: a pass is one batch or two, and these alone allocate")

    def test_no_more_instructions_for_an_event(self):
        found = {f"{stream} {stage}": round(instructions(stream, stage)) for stream, stage in CASES}
        if "MILLRACE_RECORD_INSTRUCTIONS" in os.environ:
            RECORDED.write_text(json.dumps(found, indent=1) + "\n")
        recorded = json.loads(RECORDED.read_text())
        self.assertEqual(found.keys(), recorded.keys())
        for name, count in found.items():
            print(f"     {name}: {count} instructions an event, {count / recorded[name] - 1:+.1%}")
        self.assertEqual([name for name in found if found[name] > 1.1 * recorded[name]], [], "a tenth more than recorded")
