#!/usr/bin/env python3
"""Prints the table of torch_lr_schedule_test.cc: learning rates of classes of
torch.optim.lr_scheduler at steps 0, 1, 2, 3, 5, 8, 13, 21, 34 and 55 for a base
rate of 0.5."""

import ast
import warnings

import torch

CASES = [
    ("StepLR", ["step_size=4", "gamma=0.5"]),
    ("MultiStepLR", ["milestones=[3, 21]", "gamma=0.2"]),
    ("ConstantLR", ["factor=0.25", "total_iters=6"]),
    ("ConstantLR", []),
    ("LinearLR", ["start_factor=0.1", "end_factor=0.8", "total_iters=20"]),
    ("LinearLR", []),
    ("ExponentialLR", ["gamma=0.9"]),
    ("CosineAnnealingLR", ["T_max=30", "eta_min=0.01"]),
    ("CosineAnnealingWarmRestarts", ["T_0=6", "T_mult=2", "eta_min=0.02"]),
    ("CosineAnnealingWarmRestarts", ["T_0=5"]),
    ("PolynomialLR", ["total_iters=40", "power=1.7"]),
    ("OneCycleLR", ["max_lr=0.9", "total_steps=60", "cycle_momentum=False"]),
    ("OneCycleLR", ["max_lr=0.9", "total_steps=60", "pct_start=0.2",
                    "anneal_strategy='linear'", "div_factor=10",
                    "final_div_factor=100", "three_phase=True",
                    "cycle_momentum=False"]),
    ("CyclicLR", ["base_lr=0.1", "max_lr=0.7", "step_size_up=4",
                  "cycle_momentum=False"]),
    ("CyclicLR", ["base_lr=0.1", "max_lr=0.7", "step_size_up=4",
                  "step_size_down=7", "mode='triangular2'",
                  "cycle_momentum=False"]),
    ("CyclicLR", ["base_lr=0.1", "max_lr=0.7", "step_size_up=5",
                  "mode='exp_range'", "gamma=0.97", "cycle_momentum=False"]),
]
STEPS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55)


def rates(name, arguments):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    keywords = {}
    for argument in arguments:
        key, value = argument.split("=")
        keywords[key] = ast.literal_eval(value)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **keywords)
    result = []
    for step in range(max(STEPS) + 1):
        if step in STEPS:
            result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return result


def main():
    warnings.simplefilter("ignore")
    for name, arguments in CASES:
        quoted = ", ".join('"%s"' % argument for argument in arguments)
        values = ", ".join(f"{value:.9g}" for value in rates(name, arguments))
        print('    {"%s", {%s},\n     {%s}},' % (name, quoted, values))


if __name__ == "__main__":
    main()
