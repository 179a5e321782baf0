"""Writes optim_variants.json: ten steps of optimizers that the golden archive lacks, computed by their own
packages (pip install torch schedulefree dadaptation bitsandbytes numpy).

    python tests/oracle/optim_variants.py > tests/oracle/optim_variants.json

Start values and gradients follow from `number`, which optim_variants_test.cc has too. Of each tensor the
values of the first elements and the L2 norm are kept, after the last step and, for schedule-free ones, of
the averages."""
import contextlib
import io
import json
import sys

import torch

SHAPES = {"vec": (7,), "mat": (5, 3), "big": (64, 70)}
STEPS = 10
KEPT = 12


def number(index, stream):
    return ((index * 7919 + stream * 104729 + 12345) % 2003 - 1001) / 1000


def tensor(name, stream, scale):
    count = torch.Size(SHAPES[name]).numel()
    values = [number(i, stream) for i in range(count)]
    return (torch.tensor(values, dtype=torch.float64) * scale).float().reshape(SHAPES[name])


def gradient(name, step, with_direction):
    place = list(SHAPES).index(name)
    noise = tensor(name, 100 * (step + 1) + place, 0.05)
    return noise + tensor(name, 50 + place, 0.1) if with_direction else noise


def describe(value):
    flat = value.detach().double().flatten()
    return {"first": flat[:KEPT].tolist(), "norm": flat.norm().item()}


def run(cls, with_direction=False, **arguments):
    params = {name: torch.nn.Parameter(tensor(name, i, 0.5)) for i, name in enumerate(SHAPES)}
    with contextlib.redirect_stdout(io.StringIO()):
        optimizer = cls(list(params.values()), **arguments)
    if hasattr(optimizer, "train"):
        optimizer.train()
    for step in range(STEPS):
        for name, param in params.items():
            param.grad = gradient(name, step, with_direction)
        optimizer.step()
    result = {"weights": {name: describe(param) for name, param in params.items()}}
    if hasattr(optimizer, "eval"):
        optimizer.eval()
        result["averages"] = {name: describe(param) for name, param in params.items()}
    return result


def main():
    import bitsandbytes
    import schedulefree
    from dadaptation.experimental.dadapt_adam_preprint import DAdaptAdamPreprint

    cases = {
        "RAdamScheduleFree": (schedulefree.RAdamScheduleFree, dict(lr=0.01, weight_decay=0.02, foreach=False), {}),
        "SGDScheduleFree": (schedulefree.SGDScheduleFree, dict(lr=0.5, weight_decay=0.02, warmup_steps=4, foreach=False), {}),
        "AdamWScheduleFree": (schedulefree.AdamWScheduleFree, dict(lr=0.01, r=1.0, weight_decay=0.02, foreach=False), {}),
        "DAdaptAdamPreprint": (DAdaptAdamPreprint, dict(lr=1.0, weight_decay=0.01, decouple=True), {"with_direction": True}),
        "DAdaptation": (DAdaptAdamPreprint, dict(lr=1.0, weight_decay=0.01), {"with_direction": True}),
        "SGDNesterov8bit": (bitsandbytes.optim.SGD8bit, dict(lr=0.05, momentum=0.9, weight_decay=0.02, nesterov=True), {}),
        "PagedAdamW32bit": (bitsandbytes.optim.AdamW32bit, dict(lr=0.01, weight_decay=0.02), {}),
        "PagedAdamW8bit": (bitsandbytes.optim.AdamW8bit, dict(lr=0.01, weight_decay=0.02), {}),
        "PagedLion8bit": (bitsandbytes.optim.Lion8bit, dict(lr=0.001, weight_decay=0.02), {}),
    }
    results = {}
    for name, (cls, arguments, how) in cases.items():
        given = {key: value for key, value in arguments.items() if key not in ("foreach", "nesterov")}
        results[name] = {"args": given, "with_direction": bool(how), **run(cls, **how, **arguments)}
    json.dump(results, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
