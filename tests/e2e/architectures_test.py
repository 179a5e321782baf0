"""Every architecture through daemon and client: submit, watch, sample, checkpoint, kill -9, and the same bytes."""
import os
import signal
import unittest

import atelier_daemon as e2e

STEPS = 6
GOLDENS = os.path.join(e2e.BIN, "..", "goldens")


def golden(*parts):
    return os.path.abspath(os.path.join(GOLDENS, *parts))


# What each architecture is started with beside the options that all share.
ARCHITECTURES = {
    "sd1": {"pretrained_model_name_or_path": golden("sd1", "sd1.ckpt"), "save_model_as": "ckpt"},
    "sd2": {"pretrained_model_name_or_path": golden("sd2", "sd2_768v.safetensors"), "v_parameterization": True,
            "zero_terminal_snr": True, "scale_v_pred_loss_like_noise_pred": True},
    "sdxl": {"pretrained_model_name_or_path": golden("sdxl", "sdxl.safetensors"), "train_text_encoder": True,
             "learning_rate_te1": 1e-5, "learning_rate_te2": 2e-5, "block_lr": ",".join(["1e-4"] * 22 + ["0"])},
    "sd3": {"pretrained_model_name_or_path": golden("sd3", "sd3_medium_incl_clips_t5xxl.safetensors"),
            "train_text_encoder": True, "use_t5xxl_cache_only": True, "weighting_scheme": "logit_normal",
            "clip_l_dropout_rate": 0.3, "num_last_block_to_freeze": 1},
    "flux": {"pretrained_model_name_or_path": golden("flux", "flux1-dev.safetensors"),
             "clip_l": golden("flux", "clip_l.safetensors"), "t5xxl": golden("flux", "t5xxl.safetensors"),
             "ae": golden("flux", "ae.safetensors"), "cache_text_encoder_outputs_to_disk": True,
             "cache_latents_to_disk": True, "timestep_sampling": "flux_shift", "guidance_scale": 1.0,
             "gradient_checkpointing": True},
    "lumina2": {"pretrained_model_name_or_path": golden("lumina", "lumina2_all_in_one.safetensors"),
                "cache_text_encoder_outputs": True, "timestep_sampling": "nextdit_shift",
                "system_prompt": "You are an assistant."},
}


class ArchitecturesTest(e2e.DaemonTest):
    def start(self, architecture, output):
        return self.submit(output, architecture=architecture, max_train_steps=STEPS, save_state=True,
                           save_every_n_steps=2, sample_every_n_steps=4,
                           sample_prompt="a red circle --w 64 --h 64 --s 2 --d 1 --n blurry",
                           **ARCHITECTURES[architecture])

    def check(self, architecture):
        reference = self.start(architecture, "undisturbed")
        self.client("wait", str(reference))
        job = self.start(architecture, "out")
        _, events = self.follow(job)
        e2e.wait_for(events, "training_state")
        e2e.wait_for(events, "step", 3)
        os.kill(int(self.job(job)["attempts"][-1]["worker_pid"]), signal.SIGKILL)
        self.client("wait", str(job))
        self.assertEqual(len(self.job(job)["attempts"]), 2)
        history = self.events(job)
        self.assert_history(history, STEPS)
        self.assertEqual([e for e in history if e["type"] == "warning"], [])
        files = {e["path"] for e in history if e["type"] == "checkpoint"}
        self.assertTrue(any(path.startswith("out.") for path in files), files)
        for path in files:
            self.assertEqual(e2e.read_bytes(self.path("out", path)),
                             e2e.read_bytes(self.path("undisturbed", path)), path)
        samples = [e for e in history if e["type"] == "sample"]
        self.assertGreaterEqual(len(samples), 1)
        self.client("samples", str(job), "--download", self.path("downloaded"))
        for sample in samples:
            self.assertTrue(e2e.read_bytes(self.path("downloaded", sample["path"])).startswith(b"\x89PNG"))


for name in ARCHITECTURES:
    setattr(ArchitecturesTest, f"test_{name}", lambda self, name=name: self.check(name))


if __name__ == "__main__":
    unittest.main()
