#!/usr/bin/env python3
"""Writes sampler_runs.json: what Diffusers' schedulers, set up as sd-scripts sets
them up for previews, make of a small linear denoiser.

    python make_sampler_runs.py > sampler_runs.json

Needs diffusers and scipy. The denoiser's output for channel c is
0.6 x[c] - 0.3 x[c + 1] + 0.2 t / 1000 + 0.05 c.

A run has the timesteps that the denoiser was asked at, in order, what the noise
at the start is multiplied by, and the latents after the last step."""

import json
import sys

import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler,
                       DPMSolverSinglestepScheduler,
                       EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       HeunDiscreteScheduler, KDPM2AncestralDiscreteScheduler,
                       KDPM2DiscreteScheduler, LMSDiscreteScheduler,
                       PNDMScheduler)
from diffusers.schedulers import (scheduling_euler_ancestral_discrete,
                                  scheduling_k_dpm_2_ancestral_discrete)

SHAPE = (1, 4, 2, 3)
# "dpmsolver" as Diffusers has it needs an end above zero.
SAMPLERS = {
    "ddim": (DDIMScheduler, {}),
    "pndm": (PNDMScheduler, {}),
    "lms": (LMSDiscreteScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "heun": (HeunDiscreteScheduler, {}),
    "dpm_2": (KDPM2DiscreteScheduler, {}),
    "dpm_2_a": (KDPM2AncestralDiscreteScheduler, {}),
    "dpmsolver": (DPMSolverMultistepScheduler,
                  {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}),
    "dpmsolver++": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
    "dpmsingle": (DPMSolverSinglestepScheduler, {}),
}


def make_scheduler(name, prediction):
    cls, arguments = SAMPLERS[name]
    scheduler = cls(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012,
                    beta_schedule="scaled_linear", prediction_type=prediction,
                    **arguments)
    if getattr(scheduler.config, "clip_sample", None) is False:
        scheduler.config.clip_sample = True
    return scheduler


def denoise(x, timestep):
    channels = torch.arange(x.shape[1], dtype=x.dtype).view(1, -1, 1, 1)
    return (0.6 * x - 0.3 * x.roll(-1, 1) + 0.2 * float(timestep) / 1000
            + 0.05 * channels)


def run(name, prediction, steps, start, noise):
    scheduler = make_scheduler(name, prediction)
    scheduler.set_timesteps(steps)
    draws = iter(noise)
    for module in (scheduling_euler_ancestral_discrete,
                   scheduling_k_dpm_2_ancestral_discrete):
        module.randn_tensor = lambda *_, **__: next(draws)
    x = start * scheduler.init_noise_sigma
    asked = []
    for timestep in scheduler.timesteps:
        asked.append(float(timestep))
        output = denoise(scheduler.scale_model_input(x, timestep), timestep)
        x = scheduler.step(output, timestep, x).prev_sample
    return {"sampler": name, "prediction": prediction, "steps": steps,
            "initial_scale": float(scheduler.init_noise_sigma),
            "timesteps": [round(value, 4) for value in asked],
            "latents": [float(f"{value:.7g}") for value in x.flatten()]}


def main():
    torch.manual_seed(3)
    start = torch.randn(SHAPE)
    noise = [torch.randn(SHAPE) for _ in range(20)]
    runs = [run(name, prediction, steps, start, noise)
            for name in SAMPLERS
            for prediction in ("epsilon", "v_prediction")
            for steps in (6, 7, 20)]
    flat = lambda tensor: [float(f"{v:.9g}") for v in tensor.flatten()]
    fields = [f'"start": {json.dumps(flat(start))}',
              '"noise": [\n' + ",\n".join(json.dumps(flat(n)) for n in noise) + "]",
              '"runs": [\n' + ",\n".join(json.dumps(r) for r in runs) + "]"]
    sys.stdout.write("{" + ",\n".join(fields) + "}\n")


if __name__ == "__main__":
    main()
