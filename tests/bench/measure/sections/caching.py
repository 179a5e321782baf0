"""Latent caching with the full-size autoencoder, pictures of mixed shapes in batches of 4, against sd-scripts; and a
second run, where all is cached."""
import glob
import os
import subprocess

from measure import machine, ours, peer, program
from measure.section import Section

NAME = "caching"


def measure(context):
    section = Section(NAME)
    count = 8 if context.quick else 48
    checkpoint = context.checkpoint("--arch", "sd1", "--size", "tiny" if context.quick else "full")
    folder = context.path(f"mixed-pictures-{count}")
    if not os.path.isdir(folder):
        subprocess.run([context.program("dataset_bench"), "make", folder, str(count)], check=True)
    dataset = ours.dataset(context.path("mixed.toml"), folder, 128, 4, enable_bucket=True, min_bucket_reso=64,
                           max_bucket_reso=256, bucket_reso_steps=64)
    context.calm()
    _forget(folder)
    first = _warm(context, checkpoint, dataset)
    second = _warm(context, checkpoint, dataset)
    rate = caching_rate(first)
    section.put("images_per_second", rate, _is_disturbed(first))
    section.put("cached_run_seconds", second.seconds, _is_disturbed(second))
    rows = [["atelier", rate, first.seconds, second.seconds, first.peak_bytes / 1e9]]
    if context.python and context.sd_scripts and not context.quick:
        rows.append(_peer(context, section, checkpoint, dataset, folder, rate, _is_disturbed(first)))
    else:
        section.notes.append("sd-scripts was not measured: it needs --sd-scripts and --python, and full sizes")
    section.table(f"Latents of {count} pictures of mixed shapes near 128 pixels, batches of 4",
                  ["run", "images/s", "first run s", "second run s", "peak GB"], rows)
    _forget(folder)
    return section


def _peer(context, section, checkpoint, dataset, folder, rate, disturbed):
    _forget(folder)
    arguments = ["--pretrained_model_name_or_path", checkpoint, "--dataset_config", dataset, "--cache_latents",
                 "--cache_latents_to_disk", "--vae_batch_size", "4", "--mixed_precision", "no"]
    run = peer.sd_scripts(context, "caching-sd-scripts", "tools/cache_latents.py", arguments)
    begin, end = run.events("caching_begin")[0], run.events("caching_end")[-1]
    theirs = end.event["images"] / (end.at - begin.at)
    section.put("images_per_second_to_sd_scripts", rate / theirs, disturbed or _is_disturbed(run))
    return ["sd-scripts", theirs, run.seconds, "", run.peak_bytes / 1e9]


def _warm(context, checkpoint, dataset):
    job = ours.job(context.path("jobs", "caching.toml"), "sd1", pretrained_model_name_or_path=checkpoint,
                   dataset_config=dataset, cache_latents=True, cache_latents_to_disk=True, vae_batch_size=4)
    return program.run([context.program("atelier-trainer"), "warm-cache", "--job", job], context.log("caching"))


def caching_rate(finished):
    """Images a second between the first and the last count of the caching phase."""
    counts = [mark for mark in finished.events("phase") if mark.event["phase"] == "caching"]
    done = counts[-1].event["done"] - counts[0].event["done"]
    return done / (counts[-1].at - counts[0].at)


def _is_disturbed(finished):
    return finished.share >= machine.IDLE_SHARE


def _forget(folder):
    for name in glob.glob(os.path.join(folder, "*.npz")):
        os.remove(name)
