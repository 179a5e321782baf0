"""Reading and writing a full-size checkpoint, against `cp` of the same file on the same disk."""
import os
import subprocess
import time

from measure import machine, ours
from measure.section import Section

NAME = "checkpoint"


def measure(context):
    section = Section(NAME)
    checkpoint = context.checkpoint("--arch", "sd1", "--size", "tiny" if context.quick else "full")
    size = os.path.getsize(checkpoint)
    dataset = ours.dataset(context.path("eight-64.toml"), ours.pictures(context, "eight", 8), 64, 1)
    copies, saves, loads = [], [], []
    for turn in range(1 if context.quick else 2):
        context.calm()
        copies.append(copy_seconds(checkpoint, context.path(f"copy-{turn}.safetensors")))
        run = ours.train(context, "checkpoint", "sd1", 1, save=True, pretrained_model_name_or_path=checkpoint,
                         dataset_config=dataset, cache_latents=True, stop_text_encoder_training=-1,
                         optimizer_type="SGDNesterov")
        saved = run.events("checkpoint")[-1].event
        saves.append(saved["write_seconds"] * size / saved["size_bytes"])
        loads.append(ours.phase_cpu_seconds(run, "loading", machine.TICKS))
    plain, synced = (min(times) for times in zip(*copies))
    section.table("A checkpoint of %.2f GB" % (size / 1e9), ["what", "seconds", "GB/s"],
                  [["cp", plain, size / plain / 1e9], ["cp and sync", synced, size / synced / 1e9],
                   ["save (synced)", min(saves), size / min(saves) / 1e9], ["load, CPU time", min(loads), ""]])
    section.put("save_to_copy", synced / min(saves))
    section.put("load_cpu_seconds", min(loads))
    section.notes.append("a saved checkpoint is on the disk when it is announced, so it is compared with a copy that "
                         "is synced; the time of saving includes its SHA-256")
    return section


def copy_seconds(source, target):
    """Of `cp`, and of `cp` and `sync` together."""
    os.sync()
    begin = time.monotonic()
    subprocess.run(["cp", source, target], check=True)
    copied = time.monotonic() - begin
    subprocess.run(["sync", target], check=True)
    synced = time.monotonic() - begin
    os.remove(target)
    return copied, synced
