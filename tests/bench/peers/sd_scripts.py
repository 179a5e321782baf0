"""Runs a program of an sd-scripts checkout as it is and reports its progress as JSON lines on standard output.

    sd_scripts.py CHECKOUT SCRIPT [argument…]

A line after each optimizer step (seen at the progress bar), and when latent caching begins and ends. Two of its
modules for making pictures do not import beside newer versions of Diffusers and are not needed; they are empty."""
import json
import os
import runpy
import sys
import types
import warnings

warnings.filterwarnings("ignore")


def report(kind, **values):
    print(json.dumps({"type": kind, **values}), flush=True)


def leave_out(name, class_name):
    module = types.ModuleType(name)
    setattr(module, class_name, type(class_name, (), {}))
    sys.modules[name] = module


def report_steps():
    import tqdm

    update = tqdm.tqdm.update

    def reporting(bar, n=1):
        result = update(bar, n)
        if bar.desc and bar.desc.startswith("steps"):
            report("step", step=int(bar.n))
        return result

    tqdm.tqdm.update = reporting


def report_caching():
    from library import train_util

    cache = train_util.BaseDataset.new_cache_latents

    def reporting(dataset, *arguments, **options):
        report("caching_begin", images=len(dataset.image_data))
        result = cache(dataset, *arguments, **options)
        report("caching_end", images=len(dataset.image_data))
        return result

    train_util.BaseDataset.new_cache_latents = reporting


def main():
    checkout, script = os.path.abspath(sys.argv[1]), sys.argv[2]
    sys.path.insert(0, checkout)
    leave_out("library.lpw_stable_diffusion", "StableDiffusionLongPromptWeightingPipeline")
    leave_out("library.sdxl_lpw_stable_diffusion", "SdxlStableDiffusionLongPromptWeightingPipeline")
    report_steps()
    report_caching()
    sys.argv = [os.path.join(checkout, script), *sys.argv[3:]]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
