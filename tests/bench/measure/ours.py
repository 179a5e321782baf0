"""Runs of atelier-trainer: datasets, job files, and what its events say."""
import glob
import json
import os
import shutil

from measure import program

PROMISED_STEPS = 1_000_000  # more than any measurement takes: it ends the run after the steps it needs


def pictures(context, name, count):
    """A folder with `count` pictures and captions: those of the demo, again under other names where they end."""
    folder = context.folder("pictures", name)
    demo = sorted(glob.glob(os.path.join(context.top, "deploy/demo/pictures/*.jpg")))
    for i in range(count):
        source = demo[i % len(demo)]
        target = os.path.join(folder, f"{i:04d}.jpg")
        if not os.path.exists(target):
            shutil.copy(source, target)
            shutil.copy(source[:-4] + ".txt", target[:-4] + ".txt")
    return folder


def dataset(path, folder, resolution, batch_size, **options):
    """Writes a dataset file, which sd-scripts reads as well."""
    lines = ["[general]", 'caption_extension = ".txt"', "[[datasets]]", f"resolution = {resolution}",
             f"batch_size = {batch_size}"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in options.items()]
    lines += ["  [[datasets.subsets]]", f'  image_dir = "{folder}"']
    _write(path, lines)
    return path


def job(path, architecture, **options):
    given = {"seed": 1, "device": "cpu", "learning_rate": 1e-5, "max_grad_norm": 1.0, "output_name": "out", **options}
    _write(path, [f'architecture = "{architecture}"'] + [f"{name} = {json.dumps(value)}"
                                                         for name, value in given.items()])
    return path


def train(context, name, architecture, steps, save=False, **options):
    """Trains `steps` steps. Unless it is to save, the run is ended after the last of them."""
    path = job(context.path("jobs", name + ".toml"), architecture,
               max_train_steps=steps if save else PROMISED_STEPS, **options)
    out = context.folder("out", name)
    shutil.rmtree(out)
    try:
        return program.run([context.program("atelier-trainer"), "run", "--job", path, "--output_dir", out],
                           context.log(name), stop=None if save else after_steps(steps))
    finally:
        shutil.rmtree(out, ignore_errors=True)


def after_steps(steps):
    return lambda event: event.get("type") == "step" and event.get("step", 0) >= steps


def phase_cpu_seconds(finished, phase, ticks_per_second):
    """CPU time from the first event of a phase to the first event of another one after it."""
    begin = None
    for mark in finished.marks:
        is_phase = mark.event.get("type") == "phase" and mark.event.get("phase") == phase
        if begin is None and is_phase:
            begin = mark
        elif begin is not None and not is_phase:
            return (mark.own - begin.own) / ticks_per_second
    return None


def _write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
