"""Which account runs the cluster's programs: PostgreSQL refuses to run as root, so root hands over to `postgres`."""

import os
import pwd
import subprocess
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import CHECKOUT
from .console import Failure

PASSED_ON = ("LANG", "LC_ALL", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int
    home: str

    @property
    def is_us(self):
        return self.uid == os.geteuid()

    def popen_arguments(self):
        if self.is_us:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": os.getgrouplist(self.name, self.gid)}

    def environment(self):
        """A clean environment: nothing of the caller's PG* or PATRONI_* variables may reach the cluster."""
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.home,
                "USER": self.name, "LOGNAME": self.name, **kept}

    def make_directory(self, path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own(path)

    def write_private(self, path, text):
        """A file that only this account can read, complete or not there at all."""
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        self.own(draft)
        draft.rename(path)

    def own(self, path):
        if not self.is_us:
            os.chown(path, self.uid, self.gid)

    def can_reach(self, path):
        result = subprocess.run(["test", "-x", str(path)], env=self.environment(), cwd="/", **self.popen_arguments())
        return result.returncode == 0


def account_named(name):
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Failure(f"there is no user '{name}'; it comes with the package postgresql-15") from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def ourselves():
    entry = pwd.getpwuid(os.geteuid())
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


@cache
def service_account():
    return account_named("postgres") if os.geteuid() == 0 else ourselves()


def run_directory():
    """Where the cluster of ./dev lives: $HOLDFAST_RUN; or ./run; or, when root's checkout is closed to `postgres`
    (as below /root), a directory in /var/lib, with ./run as a link to it."""
    account = service_account()
    named = os.environ.get("HOLDFAST_RUN")
    if named:
        chosen = Path(named).absolute()
        chosen.parent.mkdir(parents=True, exist_ok=True)
        if not account.can_reach(chosen.parent):
            raise Failure(f"HOLDFAST_RUN={named}: the user '{account.name}', who will run PostgreSQL, cannot enter "
                          f"{chosen.parent}; name a directory that it can reach, e.g. below /var/lib")
        return chosen
    link = CHECKOUT / "run"
    if link.is_symlink() or not account.can_reach(CHECKOUT):
        chosen = Path("/var/lib/holdfast-dev") / f"{CHECKOUT.name}-{zlib.crc32(str(CHECKOUT).encode()):08x}"
        chosen.parent.mkdir(mode=0o755, exist_ok=True)
        if not link.is_symlink() and not link.exists():
            link.symlink_to(chosen)
        return chosen
    return link
