"""SD 1.5 at its full size, 256x256: our step against a plain PyTorch loop and sd-scripts, in turns; and what the same
runs say of the first step and of memory."""
from measure import ours, peer, steps
from measure.section import Section

NAME = "sd1"
# One side after the other, those that targets compare close to each other.
TURNS = ["atelier fp32", "sd-scripts tuned", "plain loop tuned", "atelier fp32", "atelier bf16", "sd-scripts",
         "atelier fp32", "plain loop", "plain loop bf16", "atelier fp32 fused backward", "plain loop tuned"]
STEPS = {"atelier": 5, "plain": 4, "sd-scripts": 4}


class Runs:
    """Starts each side on the same checkpoint and pictures."""

    def __init__(self, context):
        self.context = context
        self.size = "tiny" if context.quick else "full"
        self.resolution = 64 if context.quick else 256
        self.checkpoint = context.checkpoint("--arch", "sd1", "--size", self.size)
        folder = ours.pictures(context, "eight", 8)
        self.dataset = ours.dataset(context.path("eight.toml"), folder, self.resolution, 1)

    def count(self, name):
        return 3 if self.context.quick else STEPS[name.split()[0]]

    def __call__(self, name):
        if name.startswith("atelier"):
            return self._atelier(name)
        if name.startswith("plain"):
            return self._plain(name)
        return peer.train_db(self.context, "sd1-" + name.replace(" ", "-"), self.count(name), self.checkpoint,
                             self.dataset, "tuned" in name)

    def _atelier(self, name):
        options = {"pretrained_model_name_or_path": self.checkpoint, "dataset_config": self.dataset,
                   "cache_latents": True, "stop_text_encoder_training": -1}
        if "bf16" in name:
            options["mixed_precision"] = "bf16"
        if "fused backward" in name:
            options["fused_backward_pass"] = True
        return ours.train(self.context, "sd1-" + name.replace(" ", "-"), "sd1", self.count(name), **options)

    def _plain(self, name):
        options = ["--kind", "sd1", "--checkpoint", self.checkpoint, "--config",
                   peer.sd1_config(self.context, self.size), "--resolution", str(self.resolution)]
        if "bf16" in name:
            options.append("--bf16")
        return peer.plain_loop(self.context, "sd1-" + name.replace(" ", "-"), self.count(name), options,
                               "tuned" in name)


def turns(context):
    left_out = (["plain"] if not context.python else []) + (
        ["sd-scripts"] if not (context.python and context.sd_scripts) or context.quick else [])
    return [name for name in TURNS if name.split()[0] not in left_out]


def measure(context):
    section = Section(NAME)
    runs = Runs(context)
    done = {}
    for name in turns(context):
        context.calm()
        done.setdefault(name, []).append(runs(name))
    fill(section, done)
    if "sd-scripts" not in done:
        section.notes.append("sd-scripts was not measured: it needs --sd-scripts and --python, and full sizes")
    return section


def first_step(finished):
    """Seconds from the start of the process to the end of its first step, and what others took meanwhile."""
    return finished.events("step")[0].at


def fill(section, done):
    """`done`: side -> its finished runs."""
    summaries = {name: steps.summary(sum((steps.step_times(run.events("step")) for run in runs), []))
                 for name, runs in done.items()}
    section.steps_table("SD 1.5, seconds a step", summaries)
    mine = summaries["atelier fp32"]
    section.put("step_seconds", mine["median"], mine["disturbed"])
    for key, other in (("step_to_sd_scripts", "sd-scripts"), ("step_to_sd_scripts_tuned", "sd-scripts tuned"),
                       ("step_to_plain", "plain loop"), ("step_to_plain_tuned", "plain loop tuned")):
        section.ratio(key, mine, summaries.get(other))
    section.ratio("bf16_to_fp32", summaries.get("atelier bf16"), mine)
    section.ratio("bf16_to_plain_bf16", summaries.get("atelier bf16"), summaries.get("plain loop bf16"))
    section.ratio("fused_backward_to_plain_backward", summaries.get("atelier fp32 fused backward"), mine)
    starts = {name: min(first_step(run) for run in runs) for name, runs in done.items()}
    peaks = {name: max(run.peak_bytes for run in runs) for name, runs in done.items()}
    section.table("Start to first step done, and peak host memory", ["run", "seconds", "peak GB"],
                  [[name, starts[name], peaks[name] / 1e9] for name in done])
    section.put("first_step_seconds", starts["atelier fp32"])
    section.put("peak_bytes", peaks["atelier fp32"])
    if "sd-scripts" in done:
        theirs = min(starts["sd-scripts"], starts.get("sd-scripts tuned", starts["sd-scripts"]))
        section.put("first_step_to_sd_scripts", starts["atelier fp32"] / theirs)
        section.put("peak_to_sd_scripts", peaks["atelier fp32"] / peaks["sd-scripts"])
        fused = peaks.get("atelier fp32 fused backward")
        if fused:
            section.put("fused_backward_peak_to_sd_scripts", fused / peaks["sd-scripts"])
