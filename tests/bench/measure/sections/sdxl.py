"""SDXL at its full size in bf16 with Adafactor and fused backward: the peak of memory while saving against training."""
from measure import ours, steps
from measure.section import Section

NAME = "sdxl"


def measure(context):
    section = Section(NAME)
    checkpoint = (context.golden("sdxl", "sdxl.safetensors") if context.quick else
                  context.checkpoint("--arch", "sdxl", "--size", "full", "--dtype", "bf16"))
    resolution = 64 if context.quick else 256
    dataset = ours.dataset(context.path("two.toml"), ours.pictures(context, "two", 2), resolution, 1)
    context.calm()
    run = ours.train(context, "sdxl", "sdxl", 2, save=True, pretrained_model_name_or_path=checkpoint,
                     dataset_config=dataset, cache_latents=True, cache_text_encoder_outputs=True, full_bf16=True,
                     mixed_precision="bf16", gradient_checkpointing=True, optimizer_type="Adafactor",
                     optimizer_args=["scale_parameter=False", "relative_step=False", "warmup_init=False"],
                     fused_backward_pass=True, max_grad_norm=0.0, save_precision="bf16")
    training = run.events("step")[-1].event["host_peak_bytes"]
    section.put("training_peak_bytes", training)
    section.put("saving_to_training_peak", run.peak_bytes / training)
    summary = steps.summary(steps.step_times(run.events("step")))
    section.put("step_seconds", summary["median"], summary["disturbed"])
    section.table("SDXL, full bf16, Adafactor, fused backward", ["step s", "peak training GB", "peak in all GB"],
                  [[summary["median"], training / 1e9, run.peak_bytes / 1e9]])
    return section
