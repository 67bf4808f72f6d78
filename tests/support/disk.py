"""A folder that is a small disk of its own: a tmpfs in a mount namespace, held by a process until the end.

Programs started with `prefix` see it; others look at it by seen(). Works as root and, where user namespaces are allowed, as
anybody.
"""
import contextlib
import os
import pathlib
import subprocess


class SmallDisk:
    def __init__(self, folder, megabytes, ballast=0, beside=None):
        """beside: another one; what is started with the prefix of this one sees both."""
        self.folder, self.megabytes, self.ballast = pathlib.Path(folder), megabytes, ballast
        self.outer = beside.prefix if beside else []
        self.holder = None

    def __enter__(self):
        script = (f'mount -t tmpfs -o size={self.megabytes}m,mode=0755 tmpfs "$0" && '
                  f'head -c {self.ballast}m /dev/zero >"$0/ballast" && echo ready && exec sleep infinity')
        root = os.getuid() == 0
        # In a chroot / is no mount, whose propagation could be changed.
        is_mount = any(line.split()[4] == "/" for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
        unshare = ["unshare", "-m" if root else "-rm", *(() if is_mount else ("--propagation", "unchanged"))]
        self.holder = subprocess.Popen([*self.outer, *unshare, "sh", "-c", script, str(self.folder)], stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline().strip() != "ready":
            raise RuntimeError("no mount namespace could be made for a small disk")
        pid = str(self.holder.pid)
        self.prefix = ["nsenter", "-t", pid, "-m"] + ([] if root else ["-U", "--preserve-credentials"])
        if not is_mount:
            self.prefix += ["-r", "env", f"--chdir={self.folder}"]
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()

    def seen(self, name):
        """Where a file on it is to be found from outside."""
        return pathlib.Path(f"/proc/{self.holder.pid}/root{self.folder}/{name}")

    def fill(self):
        """Takes all the room that is left."""
        with contextlib.suppress(OSError), open(self.seen("ballast"), "ab", buffering=0) as ballast:
            while ballast.write(bytes(1 << 16)):
                pass

    def free(self):
        self.seen("ballast").unlink()
