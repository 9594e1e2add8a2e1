"""What a person sees: steps as they happen, with the time each took."""

import contextlib
import sys
import time


class Failure(Exception):
    """Something a person can act on: printed as it is, without a traceback."""


class Ended(Failure):
    """A process that should run does not: nothing to wait for any longer."""

    def __init__(self, message, log):
        super().__init__(f"{message}; the end of {log}:\n{tail(log, 15)}")


def tail(path, lines):
    """The last lines of a file, indented; a file that is not there has none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "    (no such file)"
    return "\n".join("    " + line for line in text.splitlines()[-lines:])


def say(text=""):
    print(text, flush=True)


def bold(text):
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


@contextlib.contextmanager
def step(doing):
    """Prints `doing ... 1.2 s`; a step that fails leaves its name at the start of the error's line."""
    print(f"  {doing:<58}", end=" ", flush=True)
    began = time.monotonic()
    note = []
    try:
        yield note.append
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - began:6.1f} s  {' '.join(note)}".rstrip(), flush=True)


def wait_for(what, condition, seconds, every=0.05):
    """Polls until condition() is truthy and returns that. A Failure in it is only the last thing seen, told when
    `seconds` have passed; Ended ends the wait at once."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = None
        except Ended:
            raise
        except Failure as error:
            last = error
        if time.monotonic() >= deadline:
            raise Failure(f"{what}: not within {seconds:g} s" + (f" ({last})" if last else ""))
        time.sleep(every)
