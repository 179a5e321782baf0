"""Bad input ends with a clear error that names the thing, at submission where the daemon can know it, and
nothing half-written."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import atelier_daemon as e2e

GOLDENS = os.environ.get("ATELIER_ORACLE_DIR") or os.path.join(e2e.BIN, "..", "goldens")


class RefusedAtSubmissionTest(e2e.DaemonTest):
    def assert_refused(self, *words, flags=(), **changes):
        self.submit("out", *flags, expect=None, **changes)
        for word in words:
            self.assertIn(word, self.last_errors)
        self.assertEqual(self.jobs(), [])

    def test_names_a_missing_checkpoint(self):
        self.assert_refused("pretrained_model_name_or_path", "/nowhere/model.safetensors",
                            pretrained_model_name_or_path="/nowhere/model.safetensors")

    def test_names_a_missing_dataset(self):
        self.assert_refused("dataset_config", "/nowhere/data.toml", dataset_config="/nowhere/data.toml")

    def test_suggests_the_option_that_was_meant(self):
        self.assert_refused("learning_rat", "learning_rate", flags=("--learning_rat=1e-4",))

    def test_says_what_range_is_allowed(self):
        self.assert_refused("max_train_steps", "1", max_train_steps=0)

    def test_says_which_choices_there_are(self):
        self.assert_refused("lr_scheduler", "cosine", flags=("--lr_scheduler=cosin",))

    def test_names_a_broken_dataset_and_its_line(self):
        broken = e2e.write(self.path("broken.toml"), '[[datasets]]\nresolution = 64 64\n')
        self.assert_refused("broken.toml", "2", dataset_config=broken)

    def test_names_an_empty_picture_folder(self):
        os.makedirs(self.path("empty"))
        data = e2e.write(self.path("empty.toml"), '[[datasets]]\nresolution = 64\n'
                         '[[datasets.subsets]]\nimage_dir = "empty"\n')
        self.assert_refused(self.path("empty"), dataset_config=data)

    def test_refuses_options_that_exclude_each_other(self):
        self.assert_refused("cache_latents", "random_crop", flags=("--cache_latents", "--random_crop"))

    def test_names_an_output_folder_that_cannot_be_made(self):
        blocker = e2e.write(self.path("blocker"), "a file")
        self.assert_refused("output_dir", blocker, output_dir=os.path.join(blocker, "out"))

    def test_reports_every_mistake_at_once(self):
        self.assert_refused("max_train_steps", "train_batch_size", max_train_steps=0,
                            train_batch_size=0)

    def test_points_into_a_broken_job_file(self):
        job = e2e.write(self.path("job.toml"), 'learning_rate = 1e-4\nlearning_rat = 2\n')
        self.client("submit", "sd1", "--config", job, expect=2)
        self.assertIn("job.toml", self.last_errors)
        self.assertIn("2", self.last_errors)


class FailedJobTest(e2e.DaemonTest):
    extra_config = "min_free_bytes = 0\n"

    def assert_fails(self, *words, **changes):
        job = self.submit("out", **changes)
        self.client("wait", str(job), expect=10)
        shown = self.job(job)
        self.assertEqual(shown["state"], "FAILED")
        self.assertEqual(len(shown["attempts"]), 1, "bad input must not be tried again")
        for word in words:
            self.assertIn(word, shown["message"])
        left = os.listdir(self.path("out")) if os.path.exists(self.path("out")) else []
        self.assertEqual([n for n in left if n.endswith((".safetensors", ".tmp"))], [])

    def test_suggests_the_dataset_key_that_was_meant(self):
        misspelt = e2e.write(self.path("misspelt.toml"), """
[[datasets]]
resolution = 64
  [[datasets.subsets]]
  image_dir = "pictures"
  class_tokns = "cat"
""")
        self.assert_fails("misspelt.toml", "class_tokns", "class_tokens", dataset_config=misspelt)

    def test_names_every_corrupt_picture(self):
        e2e.write(self.path("pictures", "broken1.jpg"), "not a picture")
        e2e.write(self.path("pictures", "broken2.png"), "nor this")
        self.assert_fails("broken1.jpg", "broken2.png")

    def test_leaves_corrupt_pictures_out_when_asked(self):
        e2e.write(self.path("pictures", "broken1.jpg"), "not a picture")
        job = self.submit("out", skip_corrupt_images=True, max_train_steps=1)
        warnings = [e["message"] for e in self.events(job) if e["type"] == "warning"]
        self.assertTrue(any("broken1.jpg" in message for message in warnings), warnings)
        self.assertEqual(self.job(job)["state"], "SUCCEEDED")

    def test_stops_at_a_loss_that_is_not_finite(self):
        self.assert_fails("finite", learning_rate=1e3, max_grad_norm=0, max_train_steps=60)

    def test_names_a_full_disk_and_leaves_nothing_half_written(self):
        small = self.path("small")
        os.makedirs(small)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small],
                                 capture_output=True, check=False).returncode == 0
        if not mounted:
            self.skipTest("a small file system cannot be mounted here (needs root)")
        try:
            job = self.submit("out", output_dir=os.path.join(small, "out"), max_train_steps=2)
            self.client("wait", str(job), expect=None)
            shown = self.job(job)
            self.assertEqual(shown["state"], "FAILED")
            self.assertIn("space", shown["message"])
            self.assertIn(os.path.join(small, "out"), shown["message"])
            left = [n for n in os.listdir(os.path.join(small, "out")) if "safetensors" in n]
            self.assertEqual(left, [])
        finally:
            subprocess.run(["umount", small], check=False)


class HostileCheckpointTest(unittest.TestCase):
    """Every malformed file, given to the trainer as its checkpoint."""

    def test_every_malformed_file_is_refused_by_name(self):
        with open(os.path.join(GOLDENS, "bad", "index.json"), encoding="utf-8") as file:
            cases = json.load(file)
        folder = tempfile.mkdtemp(prefix="atelier-e2e-")
        self.addCleanup(shutil.rmtree, folder)
        fixture = e2e.DaemonTest()
        fixture.folder = folder
        dataset = fixture.make_dataset(1)
        for case in cases:
            path = os.path.abspath(os.path.join(GOLDENS, "bad", case["path"]))
            if os.path.basename(path).startswith("clip_l"):
                continue  # a text encoder's file: not a checkpoint of this architecture
            with self.subTest(case["path"]):
                job = e2e.write(os.path.join(folder, "job.toml"), f"""
architecture = "sd1"
pretrained_model_name_or_path = "{path}"
dataset_config = "{dataset}"
max_train_steps = 1
""")
                run = subprocess.run([e2e.program("atelier-trainer"), "run", "--job", job,
                                      "--output_dir", os.path.join(folder, "out")],
                                     capture_output=True, text=True, check=False, timeout=e2e.DEADLINE,
                                     cwd=folder)
                self.assertEqual(run.returncode, 64, run.stderr[-2000:])
                done = json.loads(run.stdout.splitlines()[-1])
                self.assertEqual((done["type"], done["outcome"]), ("done", "failed"))
                self.assertIn(os.path.basename(path.rstrip("/")), done["message"])
        self.assertFalse(os.path.exists(os.path.join(folder, "pwned")))


if __name__ == "__main__":
    unittest.main()
