"""A link between processes that can be cut: TCP through this one."""

import contextlib
import socket
import threading

from holdfast_dev.ports import HOST


class Link:
    """Listens on a port of its own for each of `targets`, and passes on to it until it is cut."""

    def __init__(self, targets):
        self._open = threading.Event()
        self._open.set()
        self._sockets = set()
        self._lock = threading.Lock()
        self._listeners = [socket.create_server((HOST, 0)) for _ in targets]
        self.ports = [listener.getsockname()[1] for listener in self._listeners]
        for listener, target in zip(self._listeners, targets):
            threading.Thread(target=self._serve, args=(listener, target), daemon=True).start()

    def cut(self):
        self._open.clear()
        with self._lock:
            for end in self._sockets:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self._open.set()

    def close(self):
        self.cut()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _serve(self, listener, target):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:  # closed
                return
            try:
                far = socket.create_connection((HOST, target)) if self._open.is_set() else None
            except OSError:
                far = None
            if far is None:
                near.close()
                continue
            with self._lock:
                is_open = self._open.is_set()
                if is_open:
                    self._sockets |= {near, far}
            if not is_open:  # cut since
                near.close()
                far.close()
                continue
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sockets.discard(source)
        source.close()
