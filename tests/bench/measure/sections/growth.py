"""How step time and memory grow with the batch, the resolution and the size of the dataset, on a small SD 1 model."""
import shutil

from measure import ours, program, steps
from measure.section import Section

NAME = "growth"


def measure(context):
    section = Section(NAME)
    checkpoint = context.checkpoint("--arch", "sd1", "--size", "tiny")
    context.calm()
    batches = [1, 2] if context.quick else [1, 2, 4, 8]
    sides = [64, 128] if context.quick else [128, 256, 384, 512]
    counts = [8, 64] if context.quick else [100, 1000, 10000]
    base = 64 if context.quick else 128
    _grow(section, "batch size", batches, [_train(context, checkpoint, base, batch) for batch in batches])
    _grow(section, "pixels", [side * side for side in sides],
          [_train(context, checkpoint, side, 1) for side in sides])
    _grow_dataset(context, section, checkpoint, counts)
    return section


def _train(context, checkpoint, resolution, batch, folder=None, count=None):
    folder = folder or ours.pictures(context, "eight", 8)
    dataset = ours.dataset(context.path("growth.toml"), folder, resolution, batch)
    count = count or (4 if context.quick else 8)
    return ours.train(context, "growth", "sd1", count, pretrained_model_name_or_path=checkpoint,
                      dataset_config=dataset, stop_text_encoder_training=-1)


def _grow(section, what, sizes, runs):
    """A line through time and memory; the exponent says whether the growth is proportional (1) or worse."""
    summaries = [steps.summary(steps.step_times(run.events("step"), 2)) for run in runs]
    seconds = [summary["median"] for summary in summaries]
    memory = [run.peak_bytes for run in runs]
    section.table(f"Growth with {what}", [what, "step s", "peak GB", "disturbed"],
                  [[size, one, peak / 1e9, "yes" if summary["disturbed"] else ""]
                   for size, one, peak, summary in zip(sizes, seconds, memory, summaries)])
    key = what.replace(" ", "_")
    exponent, _ = steps.power_fit(sizes, seconds)
    slope, constant = steps.line_fit(sizes, memory)
    disturbed = any(summary["disturbed"] for summary in summaries)
    section.put(f"time_exponent_of_{key}", exponent, disturbed)
    section.put(f"memory_bytes_each_of_{key}", slope)
    section.notes.append(f"{what}: step time grows with the power {exponent:.2f}; memory is {constant / 1e9:.2f} GB "
                         f"and {slope / 1e6:.4g} MB for each more")


def _grow_dataset(context, section, checkpoint, counts):
    rows = []
    for count in counts:
        folder = context.path("growing")
        shutil.rmtree(folder, ignore_errors=True)
        program.run([context.program("dataset_bench"), "make", folder, str(count)], context.log(NAME))
        run = _train(context, checkpoint, 64, 1, folder, 3)
        first = run.events("step")[0]
        summary = steps.summary(steps.step_times(run.events("step")))
        rows.append([count, first.at, summary["median"], run.peak_bytes / 1e9])
        shutil.rmtree(folder, ignore_errors=True)
    section.table("Growth with the dataset", ["pictures", "start to first step s", "step s", "peak GB"], rows)
    slope, constant = steps.line_fit([row[0] for row in rows], [row[1] for row in rows])
    section.put("start_seconds_a_thousand_pictures", slope * 1000)
    section.notes.append(f"the first step is done after {constant:.2f} s and {slope * 1000:.3f} s for each thousand "
                         "pictures")
