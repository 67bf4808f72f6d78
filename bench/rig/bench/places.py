"""Where the rig's servers are."""
import os, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ["RIG_HOME"])
KAFKA = os.environ["KAFKA"]
PG = dict(host=os.environ.get("PG_HOST", "127.0.0.1"), port=int(os.environ["PG_PORT"]), user="postgres")


def say(*a):
    print("bench:", *a, file=sys.stderr, flush=True)


def pg_tool(tool, db, *args):
    return [tool, "-h", PG["host"], "-p", str(PG["port"]), "-U", PG["user"], "-d", db, *args]
