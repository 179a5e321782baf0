#!/usr/bin/env python3
"""Runs oracle_tests and prints how far each architecture is from the reference implementations.

    tests/oracle/deviations.py [build/bin/oracle_tests]

A row has the largest relative deviation over every compared tensor of the architecture's tests: by the
Euclidean norm of the whole tensor, and by its worst element against its largest one."""
import collections
import os
import subprocess
import sys
import tempfile

ARCHITECTURES = {"Sd1": "sd1", "Text": "sd1", "Sd2": "sd2", "Sdxl": "sdxl", "Sd3": "sd3", "Sd35": "sd3",
                 "Flux": "flux", "Lumina": "lumina2"}


def architecture_of(test):
    """By the parameter of a parameterized test, or the longest prefix that is known; the rest is shared."""
    parameter = test.split("/")[-1].split("_")[0]
    if parameter in ARCHITECTURES.values():
        return parameter
    suite = test.split(".")[0].split("/")[-1]
    for prefix in sorted(ARCHITECTURES, key=len, reverse=True):
        if suite.startswith(prefix):
            return ARCHITECTURES[prefix]
    return "shared parts"


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "build/bin/oracle_tests"
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report")
        run = subprocess.run([program, "--gtest_brief=1"], env={**os.environ, "ATELIER_ORACLE_REPORT": report},
                             check=False)
        rows = collections.defaultdict(lambda: [0, 0.0, 0.0])
        with open(report, encoding="utf-8") as lines:
            for line in lines:
                test, norm, worst = line.split()
                row = rows[architecture_of(test)]
                rows[architecture_of(test)] = [row[0] + 1, max(row[1], float(norm)), max(row[2], float(worst))]
    print("| architecture | tensors compared | by norm | by worst element |\n| --- | --- | --- | --- |")
    for name in sorted(rows):
        count, norm, worst = rows[name]
        print(f"| {name} | {count} | {norm:.1e} | {worst:.1e} |")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
