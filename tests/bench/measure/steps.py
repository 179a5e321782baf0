"""Seconds a step from marks: which of them were disturbed, and the median of the others."""
import math
import statistics

from measure import machine

# Ticks are 10 ms: shorter spans cannot tell who used the CPU, so steps are judged together until they last this long.
SPAN_SECONDS = 0.5


def step_times(marks, skip=1):
    """[(seconds, others' share)] of each step after the first `skip`, from the marks of step events."""
    times = []
    begin = skip - 1
    while begin < len(marks) - 1:
        end = begin + 1
        while end < len(marks) - 1 and marks[end].at - marks[begin].at < SPAN_SECONDS:
            end += 1
        first, last = marks[begin], marks[end]
        share = machine.others_share(last.busy - first.busy, last.own - first.own, last.at - first.at)
        times += [(marks[i + 1].at - marks[i].at, share) for i in range(begin, end)]
        begin = end
    return times


def summary(times):
    """Median, smallest and largest of the undisturbed steps; of all, and marked so, if there are none."""
    calm = [seconds for seconds, share in times if share < machine.IDLE_SHARE]
    used = calm or [seconds for seconds, _ in times]
    if not used:
        return {"median": math.nan, "min": math.nan, "max": math.nan, "steps": 0, "dropped": 0, "disturbed": True}
    return {"median": statistics.median(used), "min": min(used), "max": max(used), "steps": len(used),
            "dropped": len(times) - len(calm) if calm else 0, "disturbed": not calm}


def in_turns(sides, rounds):
    """Calls each of `sides` (name -> function that returns step_times) once a round, one after the other; the
    summaries of all rounds by name."""
    times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name] += side()
    return {name: summary(all_times) for name, all_times in times.items()}


def power_fit(xs, ys):
    """The exponent b and the factor a of y = a·x^b by least squares of the logarithms."""
    lx, ly = [math.log(x) for x in xs], [math.log(y) for y in ys]
    mean_x, mean_y = statistics.fmean(lx), statistics.fmean(ly)
    b = sum((x - mean_x) * (y - mean_y) for x, y in zip(lx, ly)) / sum((x - mean_x) ** 2 for x in lx)
    return b, math.exp(mean_y - b * mean_x)


def line_fit(xs, ys):
    """The slope b and the constant a of y = a + b·x by least squares."""
    mean_x, mean_y = statistics.fmean(xs), statistics.fmean(ys)
    b = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs)
    return b, mean_y - b * mean_x
