"""One etcd member as a process."""

import platform

from . import process
from .console import Ended, Failure
from .ports import HOST
from .rest import request


class Etcd:
    def __init__(self, number, spec, place):
        self.name = f"etcd{number}"
        self.ports = spec.ports.etcd[number - 1]
        self._all = spec.ports.etcd
        self._place = place

    @property
    def directory(self):
        return self._place.root / self.name

    def argv(self):
        client, peer = f"http://{HOST}:{self.ports.client}", f"http://{HOST}:{self.ports.peer}"
        members = ",".join(f"etcd{n}=http://{HOST}:{ports.peer}" for n, ports in enumerate(self._all, 1))
        return ["/usr/bin/etcd", "--name", self.name, "--data-dir", self.directory / "data",
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", members, "--initial-cluster-token", f"holdfast-{self._all[0].client}",
                "--logger", "zap", "--log-level", "warn", "--auto-compaction-retention", "1h"]

    def running(self):
        return process.Process.load(self._place.pid_file(self.name))

    def start(self):
        if self.running():
            return
        self._place.account.make_directory(self.directory)
        # etcd 3.4 refuses to run on other machines than amd64 unless told so.
        architecture = {"aarch64": "arm64"}.get(platform.machine())
        environment = {"ETCD_UNSUPPORTED_ARCH": architecture} if architecture else {}
        started = process.spawn(self.argv(), self.directory, self._place.log_file(self.name), self._place.account,
                                environment)
        started.save(self._place.pid_file(self.name))

    def healthy(self):
        answer = request(self.ports.client, "/health", seconds=1)
        return answer is not None and answer.status == 200 and answer.json().get("health") in ("true", True)

    def stop(self, number, seconds=10):
        running = self.running()
        if running:
            running.signal(number)
            if not running.wait_gone(seconds):
                raise Failure(f"{self.name} (pid {running.pid}) does not end")
        self._place.pid_file(self.name).unlink(missing_ok=True)

    def check_alive(self):
        if not self.running():
            raise Ended(f"{self.name} ended by itself", self._place.log_file(self.name))
