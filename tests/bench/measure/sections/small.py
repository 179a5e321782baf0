"""Small models of the other architectures: our step against a plain loop over Diffusers' model with the same weights
and shapes, captions encoded beforehand, in turns."""
from measure import ours, peer, steps
from measure.section import Section

NAME = "small"
ARCHITECTURES = {
    "sdxl": ("sdxl", {"pretrained_model_name_or_path": "sdxl/sdxl.safetensors"}),
    "sd3": ("sd3", {"pretrained_model_name_or_path": "sd3/sd3_medium_incl_clips_t5xxl.safetensors"}),
    "flux": ("flux", {"pretrained_model_name_or_path": "flux/flux1-dev.safetensors",
                      "clip_l": "flux/clip_l.safetensors", "t5xxl": "flux/t5xxl.safetensors",
                      "ae": "flux/ae.safetensors"}),
    "lumina2": ("lumina", {"pretrained_model_name_or_path": "lumina/lumina2_all_in_one.safetensors"}),
}
# Steps before it are those in which buffers are made.
SKIP = 3


def measure(context):
    section = Section(NAME)
    context.calm()
    count = 6 if context.quick else 24
    for architecture in ARCHITECTURES:
        for precision in ("fp32", "bf16"):
            _compare(context, section, architecture, precision, count)
    return section


def _compare(context, section, architecture, precision, count):
    sides = {"atelier": lambda: _atelier(context, architecture, precision, count)}
    if context.python:
        sides["plain loop"] = lambda: _plain(context, architecture, precision, count, False)
        sides["plain loop tuned"] = lambda: _plain(context, architecture, precision, count, True)
    summaries = steps.in_turns(sides, 1)
    section.steps_table(f"{architecture}, {precision}", summaries)
    section.ratio(f"{architecture}_{precision}_to_plain", summaries["atelier"], summaries.get("plain loop"))
    section.ratio(f"{architecture}_{precision}_to_plain_tuned", summaries["atelier"],
                  summaries.get("plain loop tuned"))


def _resolution(context):
    return 64 if context.quick else 256


def _atelier(context, architecture, precision, count):
    folder, paths = ARCHITECTURES[architecture]
    options = {name: context.golden(path) for name, path in paths.items()}
    resolution = _resolution(context)
    dataset = ours.dataset(context.path(f"small-{resolution}.toml"), ours.pictures(context, "eight", 8), resolution, 1)
    if precision == "bf16":
        options["mixed_precision"] = "bf16"
    run = ours.train(context, f"small-{architecture}", architecture, count, dataset_config=dataset,
                     cache_latents=True, cache_text_encoder_outputs=True, **options)
    return steps.step_times(run.events("step"), SKIP)


def _plain(context, architecture, precision, count, tuned):
    folder, _ = ARCHITECTURES[architecture]
    options = ["--kind", architecture, "--folder", context.golden(folder, "diffusers"), "--resolution",
               str(_resolution(context))] + (["--bf16"] if precision == "bf16" else [])
    run = peer.plain_loop(context, f"small-{architecture}-plain", count, options, tuned)
    return steps.step_times(run.events("step"), SKIP)
