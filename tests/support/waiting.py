"""Waiting for something to become true, with a limit and a sentence that says what did not happen."""
import socket
import time


def until(what, done, limit=30, step=0.05, alive=None):
    """Calls done() until it gives something true, and returns that. alive(): a sentence when it can no longer happen."""
    end = time.monotonic() + limit
    while True:
        value = done()
        if value:
            return value
        trouble = alive() if alive else None
        if trouble:
            raise AssertionError(f"while waiting for {what}: {trouble}")
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit} s")
        time.sleep(step)


def free_ports(count=1):
    """So many ports of the loopback that nobody listens on now. All are held until the last is found."""
    held = []
    for _ in range(count):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def free_port():
    return free_ports(1)[0]


def gone_within(child, seconds):
    """Whether a support.program.Millrace ends in this time; it may also stay."""
    end = time.monotonic() + seconds
    while child.running() and time.monotonic() < end:
        time.sleep(0.05)
    return not child.running()
