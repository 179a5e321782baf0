"""Each optimizer's update against copying as many bytes as it reads and writes."""
import math

from measure import machine, program
from measure.section import Section

NAME = "optimizers"


def measure(context):
    section = Section(NAME)
    context.calm()
    sizes = ["1", "1"] if context.quick else ["32", "5"]
    run = program.run([context.program("optimizer_speed"), *sizes], context.log(NAME))
    rows = [mark.event for mark in run.events("optimizer")]
    if not rows:
        raise program.Failed("optimizer_speed printed no rows; it is of another build")
    section.table("Updates", ["optimizer", "weights", "GB/s", "time against a copy", "state bytes a weight"],
                  [[row["name"], row["weights"], row["gb_per_second"], row["to_copy"], row["state_bytes_a_weight"]]
                   for row in rows])
    disturbed = run.share >= machine.IDLE_SHARE
    section.put("adamw_to_copy", find(rows, "AdamW", "to_copy"), disturbed)
    section.put("adamw8bit_state_ratio", find(rows, "AdamW8bit", "state_bytes_a_weight") /
                find(rows, "AdamW", "state_bytes_a_weight"))
    return section


def find(rows, name, key, weights="fp32"):
    """The value of an optimizer's row; names are compared without case."""
    for row in rows:
        if row["name"].lower() == name.lower() and row["weights"] == weights:
            return row[key]
    return math.nan
