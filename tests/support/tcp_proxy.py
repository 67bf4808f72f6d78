"""A TCP proxy on the loopback that fails as networks do: cut, silent (nothing is forwarded and nothing closed), half-open
(so for the connections that there are, while new ones work), slow, or leading to another server.

    with Proxy(cluster.port) as proxy: … proxy.port … proxy.stall()
"""
import contextlib
import selectors
import socket
import threading
import time

from support import waiting

CHUNK = 65536


class Proxy:
    """delay: seconds that every chunk is held back; rate: bytes a second, 0: no limit. All may be set at any time."""

    def __init__(self, target, port=None):
        self.target, self.port = target, port or waiting.free_port()
        self.delay, self.rate = 0.0, 0
        self.flows, self.forgotten, self.refuses = threading.Event(), [], False
        self.flows.set()
        self.lock, self.pairs = threading.Lock(), []
        self.listener = None

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.refuses = True
        for flows in (self.flows, *self.forgotten):
            flows.set()
        self.listener.close()
        self.cut()

    def stall(self):
        """From now on what comes is read by nobody, also on new connections; nothing is closed."""
        self.flows.clear()

    def resume(self):
        self.flows.set()

    def forget(self):
        """As a router that was restarted: what comes on the connections that there are is read by nobody, for good, and
        nobody is told. New ones work."""
        with self.lock:
            self.forgotten.append(self.flows)
            self.flows.clear()
            self.flows = threading.Event()
            self.flows.set()

    def cut(self):
        """Every connection is reset now; new ones are taken unless refuse() was called."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for end in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def refuse(self, refuses=True):
        """New connections are reset at once."""
        self.refuses = refuses

    def connections(self):
        with self.lock:
            return len(self.pairs)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near):
        flows = self.flows
        flows.wait()
        try:
            if self.refuses:
                raise ConnectionRefusedError
            far = socket.socket()
            far.settimeout(5)
            if self.rate:  # else the kernel takes megabytes, and the server is done long before the client
                far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
                near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK)
            far.connect(("127.0.0.1", self.target))
        except OSError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            near.close()
            return
        for end in (near, far):
            end.settimeout(None)
        pair = (near, far)
        with self.lock:
            self.pairs.append(pair)
        with contextlib.suppress(OSError, ValueError):
            self._forward(near, far, flows)
        with self.lock:
            if pair in self.pairs:
                self.pairs.remove(pair)
        near.close()
        far.close()

    def _forward(self, near, far, flows):
        """Until either side closes. The other's end is closed too: no protocol of these tests half-closes."""
        with selectors.DefaultSelector() as chosen:
            chosen.register(near, selectors.EVENT_READ, far)
            chosen.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in chosen.select(1):
                    flows.wait()
                    data = key.fileobj.recv(min(CHUNK, max(1, self.rate // 10)) if self.rate else CHUNK)
                    if not data:
                        return
                    if self.delay or self.rate:
                        time.sleep(self.delay + (len(data) / self.rate if self.rate else 0))
                    flows.wait()
                    key.data.sendall(data)
