"""The arithmetic and the parsing of the measurements, on figures made up here; nothing is timed."""
import json
import math
import os
import tempfile
import unittest

from measure import machine, ours, report, steps, targets
from measure.program import Finished, Mark
from measure.section import Section
from measure.sections import ALL, caching, optimizers, sd1


def step_marks(seconds, others=0.0):
    """Marks of steps of these lengths, in which others took a share of the CPU."""
    marks, at, busy, own = [Mark(1.0, 0, 0, {"type": "step"})], 1.0, 0.0, 0.0
    for length in seconds:
        at += length
        own += length * machine.TICKS
        busy += length * machine.TICKS * (1 + others * machine.CORES)
        marks.append(Mark(at, busy, own, {"type": "step"}))
    return marks


class MachineTest(unittest.TestCase):
    def test_busy_time_leaves_out_idling_and_waiting_for_the_disk(self):
        self.assertEqual(machine.busy_ticks("cpu  1 2 4 1000 2000 8 16 32 0 0\ncpu0 1 1 1"), 63)

    def test_a_process_name_with_spaces_and_brackets_is_skipped(self):
        self.assertEqual(machine.ticks_of("7 (a b) c) S 1 7 7 0 -1 0 0 0 0 0 10 20 3 4 20 0 1"), 37)
        self.assertEqual(machine.ticks_of(""), 0)

    def test_the_share_of_others_is_of_all_cores_and_within_bounds(self):
        self.assertAlmostEqual(machine.others_share(150, 50, 1, cores=2), 100 / (machine.TICKS * 2))
        self.assertEqual(machine.others_share(10, 50, 1), 0)
        self.assertEqual(machine.others_share(1e9, 0, 1), 1)

    def test_waiting_ends_when_the_machine_is_idle_or_at_the_limit(self):
        shares, clock = [0.9, 0.3, 0.01], [0]

        def share(seconds):
            clock[0] += seconds
            return shares.pop(0)
        done = machine.wait_until_idle(100, share, lambda: clock[0])
        self.assertEqual((done["idle"], done["waited_seconds"]), (True, 9))
        shares[:] = [0.9, 0.9, 0.9]
        done = machine.wait_until_idle(5, share, lambda: clock[0])
        self.assertEqual((done["idle"], done["waited_seconds"]), (False, 6))


class StepsTest(unittest.TestCase):
    def test_the_first_step_is_left_out_and_the_median_is_of_the_others(self):
        summary = steps.summary(steps.step_times(step_marks([1, 2, 9])))
        self.assertEqual((summary["median"], summary["min"], summary["max"], summary["steps"]), (2, 1, 9, 3))
        self.assertFalse(summary["disturbed"])

    def test_disturbed_steps_are_dropped_while_others_are_left(self):
        summary = steps.summary(steps.step_times(step_marks([1, 2])) + steps.step_times(step_marks([7, 8], 0.3)))
        self.assertEqual((summary["max"], summary["steps"], summary["dropped"]), (2, 2, 2))
        self.assertFalse(summary["disturbed"])

    def test_a_run_that_was_disturbed_throughout_says_so(self):
        summary = steps.summary(steps.step_times(step_marks([7, 8], 0.3)))
        self.assertEqual((summary["median"], summary["disturbed"]), (7.5, True))
        self.assertTrue(math.isnan(steps.summary([])["median"]))

    def test_steps_too_short_for_the_clock_are_judged_together(self):
        times = steps.step_times(step_marks([0.1] * 20, 0.3))
        self.assertEqual(len(times), 20)
        self.assertTrue(all(share > 0.2 for _, share in times))

    def test_sides_alternate(self):
        order = []
        sides = {name: (lambda name=name: order.append(name) or [(1.0, 0.0)]) for name in ("a", "b")}
        summaries = steps.in_turns(sides, 2)
        self.assertEqual(order, ["a", "b", "a", "b"])
        self.assertEqual(summaries["a"]["steps"], 2)

    def test_fits_find_the_law_they_were_made_of(self):
        exponent, factor = steps.power_fit([1, 2, 4], [3, 12, 48])
        self.assertAlmostEqual(exponent, 2)
        self.assertAlmostEqual(factor, 3)
        slope, constant = steps.line_fit([1, 2, 4], [12, 14, 18])
        self.assertAlmostEqual(slope, 2)
        self.assertAlmostEqual(constant, 10)


class EventsTest(unittest.TestCase):
    def phases(self, *rows):
        return Finished(marks=[Mark(at, 0, own, {"type": "phase", "phase": phase, "done": done})
                               for at, own, phase, done in rows])

    def test_images_a_second_are_between_the_first_and_the_last_count(self):
        finished = self.phases((1, 0, "loading", 0), (5, 0, "caching", 0), (7, 0, "caching", 4), (9, 0, "caching", 8))
        self.assertEqual(caching.caching_rate(finished), 2)

    def test_loading_costs_the_cpu_time_up_to_the_next_phase(self):
        finished = self.phases((1, 10, "loading", 0), (2, 40, "loading", 1), (3, 90, "caching", 0))
        self.assertEqual(ours.phase_cpu_seconds(finished, "loading", 100), 0.8)

    def test_optimizers_are_found_by_name_and_type_of_weights(self):
        rows = [{"name": "adamw", "weights": "bf16", "to_copy": 3}, {"name": "adamw", "weights": "fp32", "to_copy": 2}]
        self.assertEqual(optimizers.find(rows, "AdamW", "to_copy"), 2)
        self.assertTrue(math.isnan(optimizers.find(rows, "Lion", "to_copy")))

    def test_ratios_of_the_full_size_runs_compare_medians_starts_and_peaks(self):
        def run(seconds, peak):
            return Finished(marks=step_marks([seconds, seconds]), peak_bytes=peak)
        section = Section("sd1")
        sd1.fill(section, {"atelier fp32": [run(2, 8), run(4, 6)], "sd-scripts": [run(10, 16)],
                           "atelier bf16": [run(1.5, 8)], "atelier fp32 fused backward": [run(3, 4)]})
        self.assertAlmostEqual(section.values["sd1.step_to_sd_scripts"], 0.3)
        self.assertAlmostEqual(section.values["sd1.bf16_to_fp32"], 0.5)
        self.assertEqual(section.values["sd1.peak_to_sd_scripts"], 0.5)
        self.assertEqual(section.values["sd1.fused_backward_peak_to_sd_scripts"], 0.25)
        self.assertNotIn("sd1.step_to_plain", section.values)


class ReportTest(unittest.TestCase):
    def test_a_verdict_says_what_was_met_missed_disturbed_or_not_measured(self):
        target = targets.Target("x", "s.x", "<=", 0.5)
        self.assertEqual(targets.verdict(target, {"s.x": 0.5}, set()), "yes")
        self.assertEqual(targets.verdict(target, {"s.x": 0.6}, {"s.x"}), "no (disturbed)")
        self.assertEqual(targets.verdict(target, {}, set()), "not measured")

    def test_every_target_is_of_a_section_that_exists(self):
        for target in targets.TARGETS:
            self.assertIn(target.key.split(".")[0], ALL)

    def test_sections_of_several_runs_end_in_one_report(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, key, value in (("checkpoint", "load_cpu_seconds", 0.25), ("optimizers", "adamw_to_copy", 1.75)):
                section = Section(name)
                section.put(key, value)
                section.table("A table", ["a"], [[1.5]])
                report.save_section(folder, section, {"machine": {}, "waits": [], "seconds": 1})
                report.write(folder)
            text = machine.read(os.path.join(folder, "report.md"))
            self.assertIn("| checkpoint load, CPU seconds | <= 1 | 0.25 | yes |", text)
            self.assertIn("| AdamW update, time against a copy | <= 1.5 | 1.75 | no |", text)
            whole = json.loads(machine.read(os.path.join(folder, "report.json")))
            self.assertEqual([section["name"] for section in whole["sections"]], ["checkpoint", "optimizers"])


if __name__ == "__main__":
    unittest.main()
