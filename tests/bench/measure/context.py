"""What every measurement is given: programs, folders, how large to measure, and a way to wait for an idle machine."""
import os
import subprocess
from dataclasses import dataclass, field

from measure import machine
from measure.program import Failed


@dataclass
class Context:
    top: str  # the source tree
    work: str  # scratch; kept between runs, so that checkpoints are made once
    python: str = ""  # of an environment with PyTorch and Diffusers; empty: no peers
    sd_scripts: str = ""  # a checkout; empty: not measured
    quick: bool = False  # sizes that show only that a measurement works
    wait_seconds: float = 600
    waits: list = field(default_factory=list)

    @property
    def programs(self):
        return os.path.join(self.top, "build", "bin")

    def program(self, name):
        path = os.path.join(self.programs, name)
        if not os.path.exists(path):
            raise Failed(f"{path} is missing; build with -DATELIER_BENCHMARKS=ON")
        return path

    def golden(self, *parts):
        path = os.path.join(self.top, "build", "goldens", *parts)
        if not os.path.exists(path):
            raise Failed(f"{path} is missing; build the target unpacked_goldens")
        return path

    def path(self, *parts):
        path = os.path.join(self.work, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def folder(self, *parts):
        path = os.path.join(self.work, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def log(self, name):
        return self.path("logs", name + ".log")

    def calm(self):
        """Waits until the machine is idle or the limit is reached; either is in the report."""
        self.waits.append(machine.wait_until_idle(0 if self.quick else self.wait_seconds))

    def checkpoint(self, *options):
        """A file of random weights, made once: options of make_checkpoint without --out."""
        name = "-".join(word.lstrip("-") for word in options if not word.startswith("--"))
        path = self.path(name + ".safetensors")
        if not os.path.exists(path):
            subprocess.run([self.program("make_checkpoint"), *options, "--out", path + ".new"], check=True,
                           stdout=subprocess.DEVNULL)
            os.rename(path + ".new", path)
        return path
