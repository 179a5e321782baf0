"""What should be reached. A target is a value of a section, a comparison and a limit; nothing fails when one is
missed, the report says so."""
import operator
from dataclasses import dataclass

COMPARISONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}


@dataclass(frozen=True)
class Target:
    what: str
    key: str  # SECTION.VALUE
    comparison: str
    limit: float

    def text(self):
        return f"{self.comparison} {self.limit:g}"


TARGETS = [
    Target("SD 1.5 step, 256², fp32: time against sd-scripts as it comes", "sd1.step_to_sd_scripts", "<=", 0.45),
    Target("the same against sd-scripts tuned", "sd1.step_to_sd_scripts_tuned", "<=", 0.8),
    Target("the same against the tuned plain loop", "sd1.step_to_plain_tuned", "<=", 0.85),
    Target("bf16 against our fp32", "sd1.bf16_to_fp32", "<=", 0.75),
    Target("process start to first step done against sd-scripts", "sd1.first_step_to_sd_scripts", "<=", 0.2),
    Target("peak host memory against sd-scripts", "sd1.peak_to_sd_scripts", "<=", 0.85),
    Target("the same with fused backward", "sd1.fused_backward_peak_to_sd_scripts", "<=", 0.65),
    Target("latent caching, images/s against sd-scripts", "caching.images_per_second_to_sd_scripts", ">=", 1.5),
    Target("a second caching run, seconds", "caching.cached_run_seconds", "<", 2),
    Target("checkpoint save, speed against cp", "checkpoint.save_to_copy", ">=", 0.9),
    Target("checkpoint load, CPU seconds", "checkpoint.load_cpu_seconds", "<=", 1),
    Target("AdamW update, time against a copy", "optimizers.adamw_to_copy", "<=", 1.5),
    Target("AdamW8bit state against AdamW state", "optimizers.adamw8bit_state_ratio", "<=", 0.28),
    Target("SDXL, peak while saving against training", "sdxl.saving_to_training_peak", "<=", 1.02),
    Target("durable submissions of 1 client against the disk's commits", "daemon.submit_one_to_disk", ">=", 0.8),
    Target("durable submissions of 64 clients against the disk's commits", "daemon.submit_many_to_disk", ">=", 10),
    Target("1,000,000 jobs: list page, p99 ms", "daemon.list_p99_ms", "<", 20),
    Target("1,000,000 jobs: next job, p99 ms", "daemon.next_job_p99_ms", "<", 5),
    Target("1,000,000 jobs: submit, p99 ms", "daemon.submit_p99_ms", "<", 10),
    Target("1,000 watchers: share of events received", "daemon.watch_received", ">=", 1),
    Target("1,000 watchers: p99 ms", "daemon.watch_p99_ms", "<", 200),
    Target("1,000 watchers: the daemon's MiB", "daemon.watch_rss_mib", "<", 150),
    Target("event ingestion, events/s", "daemon.ingested_per_second", ">=", 50000),
    Target("idle, share of a core", "daemon.idle_cpu_share", "<", 0.005),
    Target("idle, MiB", "daemon.idle_rss_mib", "<", 40),
    Target("restart with 1,000,000 jobs, seconds to serving", "daemon.restart_seconds", "<", 1),
]


def verdict(target, values, disturbed):
    """`yes` or `no`, marked where the machine was not idle; `not measured` without a value."""
    value = values.get(target.key)
    if value is None:
        return "not measured"
    word = "yes" if COMPARISONS[target.comparison](value, target.limit) else "no"
    return word + (" (disturbed)" if target.key in disturbed else "")
