"""kill -9 at the wrong moment: nothing is lost, nothing is done twice, nothing comes out different."""
import os
import signal
import unittest

import atelier_daemon as e2e

STEPS = 24


class KillTest(e2e.DaemonTest):
    def reference(self):
        """The checkpoint of an undisturbed run."""
        job = self.submit("undisturbed", max_train_steps=STEPS, save_state=True, save_every_n_steps=5)
        self.client("wait", str(job))
        return e2e.read_bytes(self.path("undisturbed", "out.safetensors"))

    def submit_long(self):
        return self.submit("out", max_train_steps=STEPS, save_state=True, save_every_n_steps=5)

    def pids(self, job):
        """(worker, shim) of the running attempt."""
        worker = int(self.job(job)["attempts"][-1]["worker_pid"])
        with open(f"/proc/{worker}/stat", encoding="utf-8") as file:
            shim = int(file.read().rsplit(")", 1)[1].split()[1])
        return worker, shim

    def check_same_end(self, job, reference):
        self.client("wait", str(job))
        self.assert_history(self.events(job), STEPS)
        self.assertEqual(e2e.read_bytes(self.path("out", "out.safetensors")), reference)

    def test_a_killed_daemon_adopts_its_worker_and_watchers_miss_nothing(self):
        reference = self.reference()
        job = self.submit_long()
        watch, events = self.follow(job)
        seen = [e2e.wait_for(events, "step", 3)]
        worker, _ = self.pids(job)
        self.daemon.kill()
        self.assertTrue(e2e.is_alive(worker))
        self.daemon.start()
        for event in events:
            seen.append(event)
        self.assertEqual(watch.wait(e2e.DEADLINE), 0)
        sequences = [e["sequence"] for e in seen]
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(sequences))))
        self.assertEqual(len(self.job(job)["attempts"]), 1)
        self.check_same_end(job, reference)

    def test_a_killed_worker_goes_on_from_its_last_state(self):
        reference = self.reference()
        job = self.submit_long()
        _, events = self.follow(job)
        e2e.wait_for(events, "training_state")
        e2e.wait_for(events, "step", 7)
        worker, _ = self.pids(job)
        os.kill(worker, signal.SIGKILL)
        self.check_same_end(job, reference)
        attempts = self.job(job)["attempts"]
        self.assertEqual(len(attempts), 2)
        self.assertEqual(attempts[0]["exit_signal"], signal.SIGKILL)

    def test_daemon_and_worker_killed_together(self):
        reference = self.reference()
        job = self.submit_long()
        _, events = self.follow(job)
        e2e.wait_for(events, "step", 6)
        worker, _ = self.pids(job)
        self.daemon.kill()
        os.kill(worker, signal.SIGKILL)
        self.daemon.start()
        self.check_same_end(job, reference)
        self.assertEqual(self.job(job)["attempts"][0]["exit_signal"], signal.SIGKILL)

    def test_a_killed_shim_loses_nothing(self):
        reference = self.reference()
        job = self.submit_long()
        _, events = self.follow(job)
        e2e.wait_for(events, "step", 6)
        _, shim = self.pids(job)
        os.kill(shim, signal.SIGKILL)
        self.check_same_end(job, reference)

    def test_daemon_shim_and_worker_killed_together(self):
        reference = self.reference()
        job = self.submit_long()
        _, events = self.follow(job)
        e2e.wait_for(events, "step", 6)
        worker, shim = self.pids(job)
        for pid in (self.daemon.process.pid, shim, worker):
            os.kill(pid, signal.SIGKILL)
        self.daemon.process.wait(e2e.DEADLINE)
        self.daemon.start()
        self.check_same_end(job, reference)

    def test_a_queued_job_outlives_the_daemon(self):
        jobs = [self.submit(f"out{i}", max_train_steps=2) for i in range(4)]
        self.daemon.kill()
        self.daemon.start()
        self.client("wait", *map(str, jobs))
        self.assertEqual([self.job(job)["state"] for job in jobs], ["SUCCEEDED"] * 4)

    def test_an_exit_while_the_daemon_is_away_is_known_exactly(self):
        job = self.submit("out", max_train_steps=4)
        _, events = self.follow(job)
        e2e.wait_for(events, "step", 1)
        worker, _ = self.pids(job)
        handle = os.pidfd_open(worker)
        self.daemon.kill()
        import select
        select.select([handle], [], [], e2e.DEADLINE)
        os.close(handle)
        self.assertFalse(e2e.is_alive(worker))
        self.daemon.start()
        self.client("wait", str(job))
        attempts = self.job(job)["attempts"]
        self.assertEqual(len(attempts), 1)
        self.assertEqual(attempts[0]["exit_code"], 0)
        self.assert_history(self.events(job), 4)


if __name__ == "__main__":
    unittest.main()
