"""`atelier dataset check` through the real client and worker, on the demo's pictures."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import atelier_daemon as e2e

DEMO = os.path.join(e2e.ROOT, "deploy/demo")


class DatasetCheckTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="atelier-e2e-")
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(DEMO, os.path.join(self.folder, "demo"))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def check(self, *flags, expect=0):
        run = subprocess.run([e2e.program("atelier"), "dataset", "check", self.path("demo/dataset.toml"),
                              *flags], capture_output=True, text=True, check=False, timeout=e2e.DEADLINE,
                             env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
        return run

    def report(self, *flags, expect=0):
        return json.loads(self.check("--json", *flags, expect=expect).stdout)

    def test_counts_what_training_would_see(self):
        report = self.report("--architecture", "sdxl", "--out", self.path("pictures"),
                             "--max_train_epochs", "3", "--gradient_accumulation_steps", "2")
        pictures = [n for n in os.listdir(self.path("demo/pictures")) if n.endswith(".jpg")]
        self.assertEqual(report["train_images"], len(pictures))
        self.assertEqual(sum(b["images"] for b in report["buckets"]), len(pictures))
        batches = sum(b["batches"] for b in report["buckets"])
        self.assertEqual(report["steps"]["batches_per_epoch"], batches)
        self.assertEqual(report["steps"]["total_steps"], 3 * -(-batches // 2))
        self.assertEqual([t["tokenizer"] for t in report["tokens"]], ["clip"])
        self.assertGreater(report["tokens"][0]["longest"], 0)
        self.assertEqual(report["broken"], [])
        for picture in report["pictures"]:
            self.assertTrue(e2e.read_bytes(picture).startswith(b"\x89PNG"))

    def test_counts_tokens_as_each_architecture_does(self):
        for architecture, limits in (("sd1", {"clip": 75}), ("sd3", {"clip": 75, "t5xxl": 255}),
                                     ("flux", {"clip": 75, "t5xxl": 511})):
            report = self.report("--architecture", architecture, "--quick", "--resolution", "256")
            self.assertEqual({t["tokenizer"]: t["limit"] for t in report["tokens"]}, limits)

    def test_lists_every_broken_file_and_fails(self):
        e2e.write(self.path("demo/pictures/broken.png"), "no picture")
        cut = self.path("demo/pictures/cut.jpg")
        shutil.copy(self.path("demo/pictures/cat.jpg"), cut)
        os.truncate(cut, 5000)
        report = self.report("--architecture", "sd1", expect=1)
        self.assertEqual({os.path.basename(b["image"]) for b in report["broken"]}, {"broken.png", "cut.jpg"})
        shown = self.check("--architecture", "sd1", expect=1).stdout
        self.assertIn("broken.png", shown)
        self.assertIn("SAMPLES", shown)

    def test_finds_copies(self):
        shutil.copy(self.path("demo/pictures/cat.jpg"), self.path("demo/pictures/again.jpg"))
        report = self.report("--architecture", "sd1")
        self.assertEqual([[os.path.basename(p) for p in group] for group in report["duplicates"]],
                         [["again.jpg", "cat.jpg"]])

    def test_points_into_a_broken_description(self):
        e2e.write(self.path("demo/dataset.toml"), "[[datasets]]\nresolutio = 64\n")
        run = self.check("--architecture", "sd1", expect=2)
        self.assertIn("resolutio", run.stderr)


if __name__ == "__main__":
    unittest.main()
