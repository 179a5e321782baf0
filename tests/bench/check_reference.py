"""Saves each architecture's small model through the worker without changing it, loads what was saved with
Diffusers, and compares every tensor with the reference's own folder of the same model.

    check_reference.py BIN GOLDENS [ARCHITECTURE…]      (check_reference.sh makes the environment)

The one step has a learning rate of 0, so that the saved weights are those that were loaded."""
import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import diffusers
import torch
import transformers
from safetensors.torch import load_file

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PICTURES = os.path.join(ROOT, "deploy/demo/pictures")

# Architecture: options, then the goldens' Diffusers folder and the components to load from the saved file, or
# no folder and the goldens' file that the saved one must equal.
MODELS = {
    "sd1": ({"pretrained_model_name_or_path": "sd1/sd1.safetensors"}, "sd1/diffusers",
            [("unet", diffusers.UNet2DConditionModel), ("vae", diffusers.AutoencoderKL)]),
    "sd2": ({"pretrained_model_name_or_path": "sd2/sd2_768v.safetensors"}, "sd2/diffusers",
            [("unet", diffusers.UNet2DConditionModel), ("vae", diffusers.AutoencoderKL)]),
    "sdxl": ({"pretrained_model_name_or_path": "sdxl/sdxl.safetensors"}, "sdxl/diffusers",
             [("unet", diffusers.UNet2DConditionModel), ("vae", diffusers.AutoencoderKL)]),
    "sd3": ({"pretrained_model_name_or_path": "sd3/sd3_medium_incl_clips_t5xxl.safetensors"}, "sd3/diffusers",
            [("transformer", diffusers.SD3Transformer2DModel), ("vae", diffusers.AutoencoderKL)]),
    "flux": ({"pretrained_model_name_or_path": "flux/flux1-dev.safetensors", "clip_l": "flux/clip_l.safetensors",
              "t5xxl": "flux/t5xxl.safetensors", "ae": "flux/ae.safetensors"}, None, "flux/flux1-dev.safetensors"),
    "lumina2": ({"pretrained_model_name_or_path": "lumina/lumina2_all_in_one.safetensors"}, None,
                "lumina/lumina2.safetensors"),
}
# What the Diffusers folders of these hold beside U-Net and autoencoder.
TEXT = {"sd1": [("text_encoder", transformers.CLIPTextModel)],
        "sd2": [("text_encoder", transformers.CLIPTextModel)],
        "sdxl": [("text_encoder", transformers.CLIPTextModel),
                 ("text_encoder_2", transformers.CLIPTextModelWithProjection)]}


def save(binary, goldens, architecture, folder, form):
    """Trains one step at a learning rate of 0; returns the checkpoint's path."""
    options, _, _ = MODELS[architecture]
    lines = [f'{name} = "{os.path.join(goldens, path)}"' for name, path in options.items()]
    lines += [f'train_data_dir = "{folder}/data"', 'resolution = "64"', "max_train_steps = 1", "seed = 1",
              'caption_extension = ".txt"', 'lr_scheduler = "constant_with_warmup"', 'lr_warmup_steps = "1"',
              'optimizer_args = ["weight_decay=0"]', 'output_name = "saved"', 'device = "cpu"']
    if form:
        lines.append(f'save_model_as = "{form}"')
    job = os.path.join(folder, "job.toml")
    with open(job, "w", encoding="utf-8") as file:
        file.write(f'architecture = "{architecture}"\n' + "\n".join(lines) + "\n")
    os.makedirs(os.path.join(folder, "data"), exist_ok=True)
    if not os.path.exists(f"{folder}/data/1_picture"):
        os.symlink(PICTURES, f"{folder}/data/1_picture")
    out = os.path.join(folder, form or "single")
    subprocess.run([os.path.join(binary, "atelier-trainer"), "run", "--job", job, "--output_dir", out],
                   check=True, stdout=subprocess.DEVNULL)
    return os.path.join(out, "saved" if form else "saved.safetensors")


def compare(what, loaded, expected):
    ours = {name: tensor.float() for name, tensor in loaded.state_dict().items()}
    theirs = {name: tensor.float() for name, tensor in expected.state_dict().items()}
    different = [name for name in sorted(ours.keys() | theirs.keys())
                 if name not in ours or name not in theirs or not torch.equal(ours[name], theirs[name])]
    print(f"{what}: {len(theirs)} tensors,", "all equal" if not different else f"DIFFERENT: {different[:5]}")
    return not different


def compare_files(what, path, expected):
    ours, theirs = load_file(path), load_file(expected)
    same = ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name]) for name in theirs)
    print(f"{what} single file: {len(theirs)} tensors,", "all equal to the reference file's" if same else "DIFFERENT")
    return same


def main():
    binary, goldens = (os.path.abspath(path) for path in sys.argv[1:3])
    good = True
    for architecture in sys.argv[3:] or MODELS:
        _, reference, components = MODELS[architecture]
        with tempfile.TemporaryDirectory() as folder:
            path = save(binary, goldens, architecture, folder, "")
            if reference is None:  # Diffusers converts these in the published width only
                good &= compare_files(architecture, path, os.path.join(goldens, components))
                continue
            reference = os.path.join(goldens, reference)
            for component, cls in components:
                loaded = cls.from_single_file(path, config=reference, subfolder=component, local_files_only=True,
                                              torch_dtype=torch.float32)
                good &= compare(f"{architecture} single file, {component}", loaded,
                                cls.from_pretrained(reference, subfolder=component, torch_dtype=torch.float32))
            if architecture not in TEXT:
                continue
            path = save(binary, goldens, architecture, folder, "diffusers_safetensors")
            for component, cls in components + TEXT[architecture]:
                good &= compare(f"{architecture} Diffusers folder, {component}",
                                cls.from_pretrained(path, subfolder=component, torch_dtype=torch.float32),
                                cls.from_pretrained(reference, subfolder=component, torch_dtype=torch.float32))
            pipeline = diffusers.DiffusionPipeline.from_pretrained(path)
            print(f"{architecture} Diffusers folder: {type(pipeline).__name__} loads")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
