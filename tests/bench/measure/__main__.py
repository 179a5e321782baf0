"""Runs the measurements that were asked for and writes the report; run.sh starts it."""
import argparse
import os
import sys
import time
import traceback

from measure import machine, report
from measure.context import Context
from measure.program import Failed
from measure.sections import ALL

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))


def parse(words):
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description="Measures Atelier beside its peers.")
    parser.add_argument("--only", default=",".join(ALL), metavar="NAME,…", help=f"of {', '.join(ALL)}")
    parser.add_argument("--sd-scripts", default="", metavar="DIR", help="a checkout of sd-scripts to measure against")
    parser.add_argument("--python", default="", metavar="VENV", help="the peers' Python environment")
    parser.add_argument("--out", default=os.path.join(TOP, "build/bench/report"), metavar="DIR",
                        help="where the report goes; sections of earlier runs there are kept in it")
    parser.add_argument("--wait", type=float, default=600, metavar="SECONDS",
                        help="how long to wait for an idle machine before each run")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows only that the measurements work")
    arguments = parser.parse_args(words)
    arguments.only = arguments.only.split(",")
    for name in arguments.only:
        if name not in ALL:
            parser.error(f"--only {name}: unknown; known are {', '.join(ALL)}")
    return arguments


def context_of(arguments):
    python = os.path.join(os.path.abspath(arguments.python), "bin/python") if arguments.python else ""
    return Context(top=TOP, work=os.path.join(TOP, "build/bench"), python=python, quick=arguments.quick,
                   sd_scripts=os.path.abspath(arguments.sd_scripts) if arguments.sd_scripts else "",
                   wait_seconds=arguments.wait)


def measure(name, context, out):
    """Whether the section was measured; a failure is told and others go on."""
    context.waits.clear()
    before, begin = os.getloadavg(), time.monotonic()
    try:
        section = ALL[name].measure(context)
    except Failed as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        return False
    except Exception:  # whatever a peer's output lets go wrong must not cost the other sections
        traceback.print_exc()
        return False
    seconds = time.monotonic() - begin
    report.save_section(out, section, {
        "machine": machine.facts(TOP, context.programs), "load_before": [round(load, 2) for load in before],
        "load_after": [round(load, 2) for load in os.getloadavg()], "seconds": seconds,
        "waits": context.waits, "quick": context.quick})
    print(f"{name}: {seconds:.0f} s", file=sys.stderr)
    return True


def main():
    arguments = parse(sys.argv[1:])
    os.makedirs(arguments.out, exist_ok=True)
    context = context_of(arguments)
    done = [measure(name, context, arguments.out) for name in arguments.only]
    path = report.write(arguments.out)
    with open(path, encoding="utf-8") as file:
        print(file.read())
    print(path, file=sys.stderr)
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
