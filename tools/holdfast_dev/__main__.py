"""./dev COMMAND: reads the command line and calls the one function that does it."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from . import CHECKOUT
from . import build as building
from . import cluster_commands, sources, test_runner
from .console import Failure, say


def build(arguments):
    binary = building.build(arguments.preset, arguments.target)
    say(f"==> {binary}")


def check(arguments):
    if arguments.update:
        sources.update_policy_page()
    sources.check_layers()
    sources.check_format()
    sources.check_policy_page()
    say("layers, format and docs/policy.md are in order")


def bench(arguments):
    sys.path.insert(0, str(CHECKOUT / "bench" / "outage"))
    import outage  # not a package of the tools: it stands beside its results
    binary = building.build("release", ["holdfast"]) if "holdfast" in arguments.stacks else None
    return outage.run(arguments, binary)


def sim(rest):
    binary = building.build("release", ["holdfast"])
    os.execv(binary, [str(binary), "sim", *rest])


def parser():
    top = argparse.ArgumentParser(prog="./dev", description="Holdfast's developer command; ./dev --help is the page to read.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    add = commands.add_parser("build", help="compile")
    add.add_argument("preset", nargs="?", default="release", choices=["release", "dev", "tsan"])
    add.add_argument("--target", nargs="+", default=(), help="only these targets of CMake")
    add.set_defaults(run=build)

    add = commands.add_parser("up", help="build and start a whole cluster on this machine")
    add.add_argument("--port-base", type=int, metavar="N", help="use the ports from N on instead of the default ones")
    add.add_argument("--stack", choices=["holdfast", "patroni"], default="holdfast",
                     help="patroni: Debian's patroni and haproxy in our place, to compare")
    add.set_defaults(run=cluster_commands.up)

    add = commands.add_parser("down", help="stop everything")
    add.add_argument("--wipe", action="store_true", help="remove the data too")
    add.set_defaults(run=cluster_commands.down)

    add = commands.add_parser("status", help="what runs; exit status 3 unless all of it does and takes writes")
    add.set_defaults(run=cluster_commands.status)

    for name, run, what in (("kill", cluster_commands.kill, "SIGKILL for the agent and the PostgreSQL of a node"),
                            ("start", cluster_commands.start, "start a node's agent")):
        add = commands.add_parser(name, help=what)
        add.add_argument("node", metavar="NODE", help="node1 or node2")
        add.set_defaults(run=run)

    stages = "\n".join(f"  {name:<10}{what}" for name, (what, _) in test_runner.STAGES.items())
    add = commands.add_parser("test", help="everything, or some stages", description=f"The stages:\n{stages}",
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    add.add_argument("stages", nargs="*", metavar="STAGE", help="all of them when absent")
    add.add_argument("-k", "--filter", metavar="WORD", help="only tests with this in their name")
    add.add_argument("--update", action="store_true", help="rewrite the right-hand side of the policy's transcripts")
    add.set_defaults(run=test_runner.test)

    add = commands.add_parser("bench", help="measure next to other stacks")
    add.add_argument("what", choices=["outage"])
    add.add_argument("--runs", type=int, default=5)
    add.add_argument("--stacks", nargs="+", choices=["holdfast", "patroni"], default=["holdfast", "patroni"])
    add.add_argument("--events", nargs="+", metavar="EVENT", help="only these, and neither the first write nor idle use")
    add.add_argument("--timing", choices=["default", "quick"], default="default", help="of both stacks")
    add.add_argument("--json", type=Path, default=CHECKOUT / "bench" / "outage" / "results.json", metavar="FILE")
    add.set_defaults(run=bench)

    add = commands.add_parser("fmt", help="format the C++ sources")
    add.set_defaults(run=lambda _: sources.format_sources())

    add = commands.add_parser("lint", help="clang-tidy")
    add.add_argument("paths", nargs="*", help="regular expressions of file names; all of src/ when absent")
    add.set_defaults(run=lambda arguments: sources.lint(arguments.paths))

    add = commands.add_parser("check", help="the fast checks to run before a commit")
    add.add_argument("--update", action="store_true", help="write docs/policy.md anew first")
    add.set_defaults(run=check)
    return top


def main():
    if sys.argv[1:2] == ["sim"]:  # its options belong to the program itself
        return sim(sys.argv[2:])
    arguments = parser().parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as error:
        print(f"\n./dev: {error}", file=sys.stderr)
        sys.exit(1)
    except subprocess.CalledProcessError as error:
        print(f"\n./dev: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # ./dev ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        print("\n./dev: interrupted", file=sys.stderr)
        sys.exit(130)
