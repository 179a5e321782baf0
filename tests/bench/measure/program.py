"""Runs a program that prints JSON lines and notes, at each line, the time and who used the CPU since the last."""
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field

from measure import machine


@dataclass
class Mark:
    """A line: seconds since the program was started, CPU ticks of everybody, of the program and of ourselves."""
    at: float
    busy: float
    own: float
    event: dict


@dataclass
class Finished:
    marks: list = field(default_factory=list)
    lines: list = field(default_factory=list)  # those that are not JSON
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    exit_code: int = 0
    share: float = 0.0  # what others took of the machine while it ran

    def events(self, kind):
        return [mark for mark in self.marks if mark.event.get("type") == kind]


class Failed(Exception):
    """A program that a measurement needs did not do what it should."""


def _parse(line):
    if not line.startswith("{"):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None


def run(command, log, environment=None, folder=None, stop=None):
    """Runs `command` to its end, or until `stop(event)` is true: then it is killed with all it started.

    Standard error goes to the file `log`. Raises Failed on a bad exit."""
    merged = {**os.environ, **(environment or {})}
    with open(log, "ab") as errors:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=merged, cwd=folder,
                                   text=True, errors="replace", start_new_session=True)
    result = Finished()
    first = _mark(begin, 0, {})
    was_stopped = False
    for line in process.stdout:
        event = _parse(line)
        if event is None:
            result.lines.append(line.rstrip("\n"))
            continue
        result.marks.append(_mark(begin, process.pid, event))
        if stop is not None and stop(event):
            was_stopped = True
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    result.seconds = time.monotonic() - begin
    result.cpu_seconds = usage.ru_utime + usage.ru_stime
    result.peak_bytes = usage.ru_maxrss * 1024
    result.exit_code = process.returncode
    last = _mark(begin, 0, {})
    own = result.cpu_seconds * machine.TICKS + last.own - first.own
    result.share = machine.others_share(last.busy - first.busy, own, result.seconds)
    if not was_stopped and result.exit_code != 0:
        raise Failed(f"{' '.join(command[:4])} … ended with {result.exit_code}: {_end_of(log)}")
    return result


def _mark(begin, pid, event):
    ourselves = sum(os.times()[:2]) * machine.TICKS
    return Mark(time.monotonic() - begin, machine.busy_ticks(machine.read("/proc/stat")),
                (machine.tree_ticks(pid) if pid else 0) + ourselves, event)


def _end_of(log):
    return " | ".join(machine.read(log).strip().splitlines()[-6:])
