"""What the machine is, and how busy it is with other things than a measurement."""
import os
import platform
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()
# Above this share of the machine's CPU time, taken by others, a time means nothing.
IDLE_SHARE = 0.05


def read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return default


def busy_ticks(stat_text):
    """CPU time of everybody since the start, of /proc/stat's text: user, nice, system, irq, softirq and stolen."""
    numbers = [int(word) for word in stat_text.split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = numbers[:8]
    return user + nice + system + irq + softirq + steal


def ticks_of(stat_text):
    """CPU time of a process and of its children that ended, of /proc/PID/stat's text."""
    fields = stat_text.rpartition(")")[2].split()
    return sum(int(word) for word in fields[11:15]) if len(fields) > 15 else 0


def tree_ticks(pid):
    """CPU time of a process and all below it."""
    total = ticks_of(read(f"/proc/{pid}/stat"))
    for child in read(f"/proc/{pid}/task/{pid}/children").split():
        total += tree_ticks(int(child))
    return total


def others_share(busy, own, seconds, cores=CORES):
    """Of the machine's CPU time in `seconds`, what others took: ticks of all and our own -> 0 to 1."""
    if seconds <= 0:
        return 0.0
    return min(1.0, max(0.0, (busy - own) / (TICKS * cores * seconds)))


def share_over(seconds):
    """What others take of the CPU during the next `seconds`."""
    begin, busy, own = time.monotonic(), busy_ticks(read("/proc/stat")), sum(os.times()[:4])
    time.sleep(seconds)
    own = (sum(os.times()[:4]) - own) * TICKS
    return others_share(busy_ticks(read("/proc/stat")) - busy, own, time.monotonic() - begin)


def wait_until_idle(limit_seconds, share=share_over, now=time.monotonic):
    """Returns once others took less than 5 % for some seconds, or at the limit; says whether the machine is idle,
    the last share seen and the seconds waited."""
    begin = now()
    while True:
        seen = share(3)
        waited = now() - begin
        if seen < IDLE_SHARE or waited >= limit_seconds:
            return {"idle": seen < IDLE_SHARE, "others_share": round(seen, 4), "waited_seconds": round(waited, 1)}


def output_of(command, folder):
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def field(text, name):
    """The value of the first `name : value` line."""
    for line in text.splitlines():
        if line.split(":")[0].strip() == name:
            return line.split(":", 1)[1].strip()
    return ""


def facts(top, programs):
    """The machine and the program, for a report."""
    changed = output_of(["git", "status", "--porcelain", "--untracked-files=no"], top)
    return {
        "cpu": field(read("/proc/cpuinfo"), "model name"),
        "cores": CORES,
        "memory_bytes": int(field(read("/proc/meminfo"), "MemTotal").split()[0] or 0) * 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": output_of(["git", "rev-parse", "HEAD"], top) + ("+changes" if changed else ""),
        "atelier": output_of([os.path.join(programs, "atelier-trainer"), "--version"], top),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
