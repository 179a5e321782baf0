"""A real daemon in a temporary folder, driven through the real client, for end-to-end tests.

ATELIER_BIN names the folder with the programs. Waiting is always for an event, a file or an exit
status, never for time to pass; DEADLINE only bounds a test that would hang."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

BIN = os.environ.get("ATELIER_BIN", os.path.join(os.path.dirname(__file__), "../../build/bin"))
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PICTURES = os.path.join(ROOT, "deploy/demo/pictures")
DEADLINE = 120


def program(name):
    return os.path.join(BIN, name)


def base_checkpoint():
    """A tiny SD 1.x checkpoint with random weights, made once for all tests of a build."""
    path = os.path.join(BIN, "..", "tiny-sd1.safetensors")
    if not os.path.exists(path):
        scratch = f"{path}.{os.getpid()}"
        subprocess.run([program("make_checkpoint"), "--arch", "sd1", "--size", "tiny", "--out", scratch],
                       check=True, capture_output=True)
        os.rename(scratch, path)
    return path


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def is_alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Daemon:
    """atelierd with its state in `folder`; start() again after a kill to see it recover."""

    def __init__(self, folder, extra_config=""):
        self.folder = folder
        self.state = os.path.join(folder, "state")
        self.config = write(os.path.join(folder, "atelierd.toml"),
                            f'state_dir = "{self.state}"\nmetrics_listen = "127.0.0.1:0"\n'
                            'backoff_initial_seconds = 0\n' + extra_config)
        self.address = f"unix:{self.state}/atelier.sock"
        self.process = None

    def start(self):
        with open(os.path.join(self.folder, "atelierd.log"), "ab") as log:
            self.process = subprocess.Popen([program("atelierd"), "--config", self.config],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        ready = self.process.stdout.readline()
        if not ready:
            raise AssertionError("the daemon did not start: " + self.log_text()[-2000:])
        return ready

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)
        self.process.stdout.close()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(DEADLINE)
            self.process.stdout.close()
        return self.process.returncode if self.process else 0

    def log_text(self):
        return read_bytes(os.path.join(self.folder, "atelierd.log")).decode(errors="replace")


class DaemonTest(unittest.TestCase):
    """A daemon a test, a data set of a few pictures, and the client as a function."""

    extra_config = ""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="atelier-e2e-")
        self.daemon = Daemon(self.folder, self.extra_config)
        self.daemon.start()
        self.dataset = self.make_dataset(4)

    def tearDown(self):
        for job in self.jobs():
            for attempt in job.get("attempts", []):
                pid = int(attempt.get("worker_pid", 0))
                if pid and is_alive(pid) and job["state"] not in ("SUCCEEDED", "FAILED", "CANCELLED"):
                    os.kill(pid, signal.SIGKILL)
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make_dataset(self, pictures, name="pictures", resolution=64):
        folder = self.path(name)
        os.makedirs(folder)
        for picture in sorted(os.listdir(PICTURES)):
            stem, ending = os.path.splitext(picture)
            if ending == ".jpg" and pictures > 0:
                shutil.copy(os.path.join(PICTURES, picture), folder)
                shutil.copy(os.path.join(PICTURES, stem + ".txt"), folder)
                pictures -= 1
        return write(self.path(name + ".toml"), f"""
[general]
caption_extension = ".txt"
enable_bucket = true
min_bucket_reso = 64
max_bucket_reso = 128
[[datasets]]
resolution = {resolution}
batch_size = 2
  [[datasets.subsets]]
  image_dir = "{name}"
  num_repeats = 2
""")

    def client(self, *arguments, expect=0, timeout=DEADLINE):
        """Runs the client; gives its standard output, after checking its exit code."""
        result = subprocess.run([program("atelier"), *arguments], capture_output=True, text=True,
                                timeout=timeout, check=False, cwd=self.folder,
                                env={**os.environ, "ATELIER_SERVER": self.daemon.address, "NO_COLOR": "1"})
        self.last_errors = result.stderr
        if expect is not None:
            self.assertEqual(result.returncode, expect,
                             f"atelier {' '.join(arguments)}\n{result.stdout}\n{result.stderr}\n"
                             f"daemon: {self.daemon.log_text()[-3000:]}")
        return result.stdout

    def start_client(self, *arguments):
        return subprocess.Popen([program("atelier"), *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, cwd=self.folder,
                                env={**os.environ, "ATELIER_SERVER": self.daemon.address, "NO_COLOR": "1"})

    def options(self, output, **changes):
        options = {"pretrained_model_name_or_path": base_checkpoint(), "dataset_config": self.dataset,
                   "output_dir": self.path(output), "output_name": "out", "max_train_steps": 12,
                   "learning_rate": 1e-4, "seed": 3, **changes}
        flags = []
        for name, value in options.items():
            if value is True:
                flags.append(f"--{name}")
            elif value is not None and value is not False:
                flags.append(f"--{name}={value}")
        return flags

    def submit(self, output, *flags, expect=0, architecture="sd1", **changes):
        text = self.client("submit", architecture, *self.options(output, **changes), *flags, "--json",
                           expect=expect)
        return int(json.loads(text)["job"]["id"]) if expect == 0 else None

    def job(self, number):
        return json.loads(self.client("show", str(number), "--json"))

    def jobs(self):
        try:
            text = self.client("list", "--json", expect=None, timeout=20)
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (subprocess.TimeoutExpired, json.JSONDecodeError):
            return []

    def events(self, number):
        """Every event of the job from its first on, until it has ended."""
        return [json.loads(line) for line in self.client("watch", str(number), "--json").splitlines()]

    def follow(self, number):
        """A running watch, and its events one by one."""
        watch = self.start_client("watch", str(number), "--json")
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        return watch, (json.loads(line) for line in watch.stdout)

    def assert_history(self, events, steps):
        """Sequence numbers without gap or repeat, and each step's last attempt exactly once."""
        self.assertEqual([e["sequence"] for e in events], list(range(1, len(events) + 1)))
        done = {}
        for event in events:
            if event["type"] == "step":
                key = (event["attempt"], event["step"])
                self.assertNotIn(key, done, f"step {key} came twice")
                done[key] = event
        self.assertEqual({step for _, step in done}, set(range(1, steps + 1)))


def wait_for(events, kind, step=None):
    """The next event of a kind (at or after a step); events before it are skipped."""
    for event in events:
        if event["type"] == kind and (step is None or event["step"] >= step):
            return event
    raise AssertionError(f"the stream ended before a {kind} event came")
