"""Format, lint and the checks that read the sources."""

import subprocess

from . import CHECKOUT
from .build import build, configure, jobs
from .console import Failure, say
from .layers import breaches

FOLDERS = ("src", "tests", "bench", "tools")


def cpp_files():
    return sorted(str(path.relative_to(CHECKOUT)) for folder in FOLDERS
                  for path in (CHECKOUT / folder).rglob("*.[ch]pp"))


def clang_format(*options):
    return subprocess.run(["clang-format-19", *options, *cpp_files()], cwd=CHECKOUT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def format_sources():
    result = clang_format("-i")
    if result.returncode != 0:
        raise Failure(result.stdout)
    say(f"{len(cpp_files())} files formatted")


def check_format():
    """The first difference of each file that clang-format would change."""
    result = clang_format("--dry-run", "--Werror", "--ferror-limit=1")
    if result.returncode != 0:
        raise Failure(f"{result.stdout}\nThese files are not formatted; run ./dev fmt")


def check_layers():
    found = breaches(CHECKOUT)
    if found:
        raise Failure("\n".join(str(breach) for breach in found))


def check_policy_page():
    """docs/policy.md is generated from the rules and kept in git, so a change of policy is a diff of one page."""
    binary = build("dev", ["holdfast"])
    result = subprocess.run([str(binary), "policy-doc"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        raise Failure(f"holdfast policy-doc failed:\n{result.stderr}")
    page = CHECKOUT / "docs" / "policy.md"
    if not page.exists() or page.read_text(encoding="utf-8") != result.stdout:
        raise Failure("docs/policy.md is not what the rules say; run ./dev check --update and commit the difference")


def update_policy_page():
    binary = build("dev", ["holdfast"])
    page = subprocess.run([str(binary), "policy-doc"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    (CHECKOUT / "docs" / "policy.md").write_text(page, encoding="utf-8")


def lint(paths=()):
    """clang-tidy over our own translation units, each read by itself, with the flags of the dev preset."""
    directory = CHECKOUT / "build" / "lint"
    configure("dev", ["-DHOLDFAST_PRECOMPILED=OFF"], directory)  # compile_commands.json is all that clang-tidy needs
    wanted = list(paths) or ["/src/"]
    command = ["run-clang-tidy-19", "-quiet", "-p", str(directory), "-j", str(jobs()),
               f"-header-filter={CHECKOUT}/src/.*", *wanted]
    if subprocess.run(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL).returncode != 0:
        raise Failure("clang-tidy found something; its messages are above")
