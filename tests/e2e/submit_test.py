"""From submission to a trained checkpoint, with real programs."""
import json
import os
import struct
import subprocess
import unittest
import urllib.request

import atelier_daemon as e2e


def safetensors_header(path):
    with open(path, "rb") as file:
        return json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))


class SubmitTest(e2e.DaemonTest):
    def test_trains_saves_samples_and_reports(self):
        job = self.submit("out", "--sample_prompt=a cat --w 64 --h 64 --s 2 --d 5",
                          sample_every_n_steps=6, save_every_n_steps=6, cache_latents=True,
                          save_precision="fp16")
        events = self.events(job)
        self.assert_history(events, 12)
        self.client("wait", str(job))
        shown = self.job(job)
        self.assertEqual(shown["state"], "SUCCEEDED")
        saved = [e["path"] for e in events if e["type"] == "checkpoint"]
        self.assertEqual(saved, ["out-step00000006.safetensors", "out-step00000012.safetensors",
                                 "out.safetensors"])
        for name in saved:
            header = safetensors_header(self.path("out", name))
            base = safetensors_header(e2e.base_checkpoint())
            self.assertEqual(set(header) - {"__metadata__"}, set(base) - {"__metadata__"})
        samples = [e for e in events if e["type"] == "sample"]
        self.assertEqual(len(samples), 2)
        for sample in samples:
            picture = e2e.read_bytes(self.path("out", sample["path"]))
            self.assertTrue(picture.startswith(b"\x89PNG"))
            self.assertIn(b"a cat", picture)
        phases = {e["phase"] for e in events if e["type"] == "phase"}
        self.assertLessEqual({"loading", "caching", "training"}, phases)

    def test_reads_a_job_file_and_prints_the_same_history_to_a_late_watcher(self):
        config = e2e.write(self.path("job.toml"), f"""
pretrained_model_name_or_path = "{e2e.base_checkpoint()}"
dataset_config = "pictures.toml"
output_dir = "from-file"
max_train_steps = 3
""")
        job = int(json.loads(self.client("submit", "sd1", "--config", config, "--json"))["job"]["id"])
        live = self.events(job)
        self.assertEqual(live, self.events(job))
        self.assertTrue(os.path.exists(self.path("from-file", "last.safetensors")))

    def test_downloads_samples_with_their_digest(self):
        job = self.submit("out", "--sample_prompt=a dog --w 64 --h 64 --s 1", sample_every_n_steps=2,
                          max_train_steps=2)
        self.client("wait", str(job))
        self.client("samples", str(job), "--download", self.path("got"))
        names = os.listdir(self.path("got", "sample"))
        self.assertEqual(len(names), 1)
        self.assertEqual(e2e.read_bytes(self.path("got", "sample", names[0])),
                         e2e.read_bytes(self.path("out", "sample", names[0])))

    def test_the_same_request_is_the_same_job(self):
        request = "6f1c1d9e-7d0b-4f0b-9d3e-6a4f3c7a8b21"
        first = self.submit("out", "--request-id", request, max_train_steps=1)
        self.assertEqual(self.submit("out", "--request-id", request, max_train_steps=1), first)
        self.client("submit", "sd1", *self.options("out", max_train_steps=2), "--request-id", request,
                    expect=None)
        self.assertIn("request", self.last_errors.lower())
        self.client("wait", str(first))

    def test_cancels_a_running_job_and_keeps_its_state(self):
        job = self.submit("out", max_train_steps=100000, save_state=True)
        watch, events = self.follow(job)
        e2e.wait_for(events, "step", 2)
        self.client("cancel", str(job))
        self.client("wait", str(job), expect=11)
        self.assertEqual(self.job(job)["state"], "CANCELLED")
        states = [name for name in os.listdir(self.path("out")) if name.endswith("-state")]
        self.assertEqual(len(states), 1)
        self.assertEqual(watch.wait(e2e.DEADLINE), 11)

    def test_fills_caches_without_training(self):
        warm = self.submit("warm", warm_cache=True, cache_latents_to_disk=True)
        self.client("wait", str(warm))
        self.assertEqual(self.job(warm)["state"], "SUCCEEDED")
        self.assertEqual([e for e in self.events(warm) if e["type"] in ("step", "checkpoint")], [])
        self.assertEqual(len(os.listdir(self.path("pictures", ".atelier_latents"))), 4)
        job = self.submit("out", cache_latents_to_disk=True, max_train_steps=1)
        told = " ".join(e["detail"] for e in self.events(job) if e["type"] == "phase")
        self.assertIn("0 images encoded, 4 read from disk", told)
        self.client("wait", str(job))

    def test_metrics_are_there_for_prometheus(self):
        job = self.submit("out", max_train_steps=2)
        self.client("wait", str(job))
        info = json.loads(self.client("server", "--json"))
        with urllib.request.urlopen(f"http://{info['metrics_address']}/metrics", timeout=30) as reply:
            text = reply.read().decode()
        self.assertIn('atelier_jobs{', text)
        self.assertIn("atelier_training_step_seconds", text)

    def test_stops_cleanly_on_sigterm(self):
        self.assertEqual(self.daemon.stop(), 0)


class AloneTest(unittest.TestCase):
    """The trainer without a daemon."""

    def test_prints_events_as_json_lines(self):
        fixture = e2e.DaemonTest()
        import tempfile
        fixture.folder = tempfile.mkdtemp(prefix="atelier-e2e-")
        dataset = fixture.make_dataset(2)
        job = e2e.write(fixture.path("job.toml"), f"""
architecture = "sd1"
pretrained_model_name_or_path = "{e2e.base_checkpoint()}"
dataset_config = "{dataset}"
max_train_steps = 2
seed = 1
""")
        run = subprocess.run([e2e.program("atelier-trainer"), "run", "--job", job, "--output_dir",
                              fixture.path("out")], capture_output=True, text=True, check=False,
                             timeout=e2e.DEADLINE)
        self.assertEqual(run.returncode, 0, run.stderr)
        events = [json.loads(line) for line in run.stdout.splitlines()]
        for event in events:
            self.assertLessEqual({"type", "step", "time"}, set(event))
        steps = [e for e in events if e["type"] == "step"]
        self.assertEqual([e["step"] for e in steps], [1, 2])
        for name in ("loss", "lr", "grad_norm", "step_seconds", "data_wait_seconds",
                     "images_per_second", "host_peak_bytes", "device_peak_bytes"):
            self.assertIn(name, steps[0])
        self.assertEqual(events[-1]["type"], "done")
        self.assertEqual(events[-1]["outcome"], "succeeded")


if __name__ == "__main__":
    unittest.main()
