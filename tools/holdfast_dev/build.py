"""Configure and compile with CMake's presets, line by line so that a log shows progress."""

import os
import subprocess

from . import CHECKOUT
from .console import Failure, say

GIB = 1 << 30


def binary(preset):
    return CHECKOUT / "build" / preset / "holdfast"


def jobs():
    """As many compilers as there are processors, but no more than memory holds (about 1.2 GiB for each)."""
    available = 2 * GIB
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
    return max(1, min(os.cpu_count() or 1, int(available / (1.2 * GIB))))


def environment():
    return dict(os.environ, CCACHE_BASEDIR=str(CHECKOUT), CCACHE_NOHASHDIR="1",
                CCACHE_SLOPPINESS="pch_defines,time_macros", NINJA_STATUS="[%f/%t %es] ")


def configure(preset, options=(), directory=None):
    """Configures build/PRESET, or another directory with this preset. The release preset is built without tests: it needs no test libraries."""
    directory = directory or CHECKOUT / "build" / preset
    with_tests = preset != "release"
    if not (directory / "build.ninja").exists():
        say(f"==> Configuring the {preset} preset")
    result = subprocess.run(["cmake", "--preset", preset, "-B", str(directory),
                             f"-DHOLDFAST_TESTS={'ON' if with_tests else 'OFF'}", *options],
                            cwd=CHECKOUT, env=environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise Failure(f"cmake --preset {preset} failed:\n{result.stdout}")


def build(preset="release", targets=()):
    """Brings build/PRESET up to date."""
    configure(preset)
    say(f"==> Building the {preset} preset with {jobs()} jobs")
    compile_command = ["cmake", "--build", "--preset", preset, "-j", str(jobs())]
    if targets:
        compile_command += ["--target", *targets]
    if subprocess.run(compile_command, cwd=CHECKOUT, env=environment(), stdin=subprocess.DEVNULL).returncode != 0:
        raise Failure(f"building the {preset} preset failed; the compiler's messages are above")
    return binary(preset)
