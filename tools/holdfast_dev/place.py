"""The run directory: what lies where, and who owns it."""

import fcntl
import os
import shutil

from .console import Failure
from .users import service_account


class Place:
    """root/cluster.json  the Spec, with the passwords (0600)
    root/pgpass        for the person's psql (0600)
    root/etcd1..3, node1.., router   a directory for each process, with its configuration and data
    root/logs, root/pids, root/bin
    """

    def __init__(self, root):
        self.root = root.resolve()
        self.account = service_account()

    spec_file = property(lambda self: self.root / "cluster.json")
    pgpass = property(lambda self: self.root / "pgpass")
    logs = property(lambda self: self.root / "logs")
    pids = property(lambda self: self.root / "pids")

    def log_file(self, name):
        return self.logs / f"{name}.log"

    def pid_file(self, name):
        return self.pids / f"{name}.json"

    def exists(self):
        return self.spec_file.exists()

    def make(self):
        if self.root.exists() and not self.exists() and any(self.root.iterdir()):
            raise Failure(f"{self.root} is not empty and holds no cluster of ours; name another directory with HOLDFAST_RUN")
        self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        os.chmod(self.root, 0o755)
        if not self.account.can_reach(self.root):
            raise Failure(f"the user '{self.account.name}', who will run PostgreSQL, cannot enter {self.root}; "
                          "name a directory that it can reach with HOLDFAST_RUN, e.g. below /var/lib")
        self.pids.mkdir(mode=0o755, exist_ok=True)
        self.account.make_directory(self.logs)

    def lock(self):
        """Keeps a second ./dev out until this one ends."""
        handle = open(self.root / ".lock", "w", encoding="ascii")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another ./dev is at work on {self.root}; wait for it, or stop it") from None
        return handle

    def install(self, binary):
        """A copy of the program where the account can reach it, so that a rebuild does not disturb what runs."""
        target = self.root / "bin" / "holdfast"
        target.parent.mkdir(mode=0o755, exist_ok=True)
        draft = target.with_name("holdfast.new")
        shutil.copyfile(binary, draft)
        os.chmod(draft, 0o755)
        draft.rename(target)
        return target

    def remove(self):
        """cluster.json goes last: what cannot be removed stays a cluster that can be asked to go again."""
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        shutil.rmtree(self.root)
