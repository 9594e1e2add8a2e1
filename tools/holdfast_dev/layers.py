"""Reads the sources and refuses what the architecture forbids; each message says what to write instead.

The layers and what each may use are read from CMakeLists.txt, so there is one list.
"""

import re
from dataclasses import dataclass
from pathlib import Path

PURE = {"base", "pg", "ha", "routing", "patroni"}
CLOCKLESS = PURE | {"ports", "agent", "router", "sim"}  # these get their time from ports::Clock
ADAPTERS = {"etcd", "postgres", "system"}
MAX_LINES = 500

LAYER = re.compile(r"^holdfast_layer\((\w+)([^)]*)\)", re.MULTILINE)
PROGRAM = re.compile(r"^holdfast_program\(\w+\s+FOLDER\s+(\w+)([^)]*)\)", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(FIXME|XXX|TODO)\b")
VAGUE = re.compile(r"(manager|helper|util|impl|common)s?($|_)|_(manager|helper|util|impl|common)s?($|_)")

# What a pure folder must not include, and what it should do instead.
IMPURE_HEADERS = [
    (r"boost/(asio|beast)/.*|boost/asio\.hpp|boost/beast\.hpp|sys/socket\.h|netinet/.*|arpa/.*|poll\.h",
     "no network here: let the caller pass in what was received as a value, or return an action"),
    (r"libpq-fe\.h|libpq/.*|postgres_ext\.h",
     "libpq belongs to src/postgres; describe what is needed as a contract in src/ports"),
    (r"openssl/.*", "OpenSSL belongs to src/net; pass the verdict or the bytes in"),
    (r"spdlog/.*|prometheus/.*|iostream|cstdio|stdio\.h",
     "no logging here: return the text (a reason, an Error) and let the runtime log it"),
    (r"thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|pthread\.h",
     "no threads here: pure code is called from one event loop"),
    (r"fstream|filesystem|unistd\.h|fcntl\.h|sys/(stat|types|wait|mman)\.h|dirent\.h",
     "no files here: take the text as a string_view; the caller in an outer layer reads the file"),
]
# The one line that a pure folder may print: that the program is about to end itself, and why.
LAST_WORDS = {("base/assert.cpp", "cstdio")}

REAL_CLOCK = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock|utc_clock|file_clock)\s*::\s*now\b"
    r"|\bclock_gettime\s*\(|\bgettimeofday\s*\(|\bstd::time\s*\(|\bthis_thread::sleep_|::u?sleep\s*\(|\bnanosleep\s*\(")
RANDOM_DEVICE = re.compile(r"\brandom_device\b|\bstd::rand\b|(?<![\w.])s?rand\s*\(")


@dataclass(frozen=True)
class Breach:
    file: Path
    line: int
    message: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.message}"


def words_after(keyword, arguments):
    """The values of one keyword of a CMake call: USES a b LIBS c -> [a, b]."""
    values, taking = [], False
    for word in arguments.split():
        if word.isupper():
            taking = word == keyword
        elif taking:
            values.append(word)
    return values


def allowed_layers(cmake_text):
    """For each folder of src/, the folders it may include: what it uses, and all that they use."""
    uses = {name: words_after("USES", rest)
            for pattern in (LAYER, PROGRAM) for name, rest in pattern.findall(cmake_text)}

    def reach(name):
        found = {name}
        for used in uses.get(name, []):
            found |= reach(used)
        return found

    return {name: reach(name) for name in uses}


def instead(layer, wanted):
    """What to write instead of an include of `wanted` in `layer`."""
    if wanted in ADAPTERS and layer in ADAPTERS:
        return "adapters never include one another: move what both need to src/net, or to src/base if it is pure"
    if wanted in ADAPTERS:
        return f"use the contract in src/ports, and let src/main plug in the one from src/{wanted}"
    if {wanted, layer} == {"ha", "routing"}:
        return "the policy and the router's choices stay apart: move the shared value to src/pg or src/base"
    if layer in PURE:
        return f"pass what is needed as a value: src/{wanted} may use src/{layer}, not the other way round"
    return f"includes run one way only: src/{wanted} may use src/{layer}; turn the call into a value or a contract"


def without_comments_and_strings(line):
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return line.split("//", 1)[0]


def check_include(layer, allowed, quote, header, shown):
    if quote == '"':
        folder = header.split("/", 1)[0]
        if "/" not in header or folder.startswith("."):
            return f'#include "{header}": write the path from src/, e.g. "{layer}/{Path(header).name}"'
        if folder not in allowed:
            return f'#include "{header}": src/{folder} is not a layer of CMakeLists.txt'
        if folder not in allowed[layer]:
            return f'src/{layer} must not include "{header}": {instead(layer, folder)}'
        return None
    if layer in PURE and ("/".join(shown.parts[1:]), header) not in LAST_WORDS:
        for pattern, advice in IMPURE_HEADERS:
            if re.fullmatch(pattern, header):
                return f"src/{layer} is pure and must not include <{header}>: {advice}"
    return None


def check_line(layer, allowed, raw, shown):
    include = INCLUDE.match(raw)
    if include:
        message = check_include(layer, allowed, *include.groups(), shown)
        if message:
            yield message
        return
    code = without_comments_and_strings(raw)
    if layer in CLOCKLESS and REAL_CLOCK.search(code):
        yield f"src/{layer} must not read or wait on a real clock: take `now` as a value, or use ports::Clock"
    if layer in CLOCKLESS and RANDOM_DEVICE.search(code):
        yield f"src/{layer} must not use a real source of chance: take a seeded base/random generator"


def check_file(path, layer, allowed, shown):
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, raw in enumerate(lines, 1):
        for message in check_line(layer, allowed, raw, shown):
            yield Breach(shown, number, message)
    if path.suffix == ".hpp" and "#pragma once" not in lines:
        yield Breach(shown, 1, "a header needs #pragma once")
    if len(lines) > MAX_LINES:
        yield Breach(shown, len(lines), f"{len(lines)} lines, the limit is {MAX_LINES}: "
                                        "look for the concept that wants its own name and file")
    if VAGUE.search(path.stem):
        yield Breach(shown, 1, f"'{path.stem}' says nothing: name the file after the one thing it is about")


def unfinished(root):
    for folder in ("src", "tests", "tools", "bench"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in {".cpp", ".hpp", ".py", ".txt"} or path.name in ("layers.py", "layers_test.py"):
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                found = UNFINISHED.search(line)
                if found:
                    yield Breach(path.relative_to(root), number,
                                 f"leftover {found.group()}: finish it, or say in a plain comment what is not done and why")


def breaches(root):
    """Every breach in the tree below root, in the order of the files."""
    root = Path(root)
    allowed = allowed_layers((root / "CMakeLists.txt").read_text(encoding="utf-8"))
    found = []
    for path in sorted((root / "src").rglob("*.[ch]pp")):
        shown = path.relative_to(root)
        layer = shown.parts[1]
        if layer not in allowed:
            found.append(Breach(shown, 1, f"src/{layer} is not a layer: name it in CMakeLists.txt with what it uses"))
            continue
        found += check_file(path, layer, allowed, shown)
    return found + list(unfinished(root))
