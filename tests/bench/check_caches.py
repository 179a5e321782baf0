"""Cache files in sd-scripts' layout: what the worker writes numpy reads, and what numpy writes the worker reuses."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy

BIN, GOLDENS = (os.path.abspath(path) for path in sys.argv[1:3])
WIDTH, HEIGHT = 96, 80
IMAGES = 4
CELLS = "8x8"  # of a 64x64 picture

# Checkpoint and components, suffix of latents, whether names have sizes, arrays of a caption: (axes, type).
F4, I8, B1 = "<f4", "<i8", "|b1"
ARCHITECTURES = {
    "sd1": (["sd1/sd1.ckpt"], {}, "_sdxl.npz", False, None, {}),
    "sdxl": (["sdxl/sdxl.safetensors"], {}, "_sdxl.npz", False, "_te_outputs.npz",
             {"hidden_state1": (2, F4), "hidden_state2": (2, F4), "pool2": (1, F4)}),
    "sd3": (["sd3/sd3_medium_incl_clips_t5xxl.safetensors"], {}, "_sd3.npz", True, "_sd3_te.npz",
            {"lg_out": (2, F4), "lg_pooled": (1, F4), "t5_out": (2, F4), "clip_l_attn_mask": (1, I8),
             "clip_g_attn_mask": (1, I8), "t5_attn_mask": (1, I8), "apply_lg_attn_mask": (0, B1),
             "apply_t5_attn_mask": (0, B1)}),
    "flux": (["flux/flux1-dev.safetensors"],
             {"clip_l": "flux/clip_l.safetensors", "t5xxl": "flux/t5xxl.safetensors", "ae": "flux/ae.safetensors"},
             "_flux.npz", True, "_flux_te.npz",
             {"l_pooled": (1, F4), "t5_out": (2, F4), "txt_ids": (2, F4), "t5_attn_mask": (1, I8),
              "apply_t5_attn_mask": (0, B1)}),
    "lumina2": (["lumina/lumina2_all_in_one.safetensors"], {}, "_lumina.npz", True, "_lumina_te.npz",
                {"hidden_state": (2, F4), "attention_mask": (1, I8), "input_ids": (1, I8)}),
}


def write_png(path, seed):
    pixels = numpy.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=numpy.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_dataset(folder):
    os.makedirs(folder)
    for i in range(IMAGES):
        write_png(f"{folder}/{i}.png", i)
        with open(f"{folder}/{i}.txt", "w") as file:
            file.write(f"picture {'and ' * i}here")


def fill(architecture, data, output, *flags):
    """Runs the worker; returns its events."""
    (checkpoint,), components, _, _, text_suffix, _ = ARCHITECTURES[architecture]
    job = f"{output}.toml"
    with open(job, "w") as file:
        file.write(f'architecture = "{architecture}"\n')
        file.write(f'pretrained_model_name_or_path = "{GOLDENS}/{checkpoint}"\n')
        for option, path in components.items():
            file.write(f'{option} = "{GOLDENS}/{path}"\n')
    command = [f"{BIN}/atelier-trainer", "warm-cache", "--job", job, "--train_data_dir", data, "--resolution", "64",
               "--caption_extension", ".txt", "--flip_aug", "--cache_latents_to_disk", "--cache_format", "npz",
               "--device", "cpu", "--seed", "1", *flags]
    if text_suffix:
        command.append("--cache_text_encoder_outputs_to_disk")
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr + run.stdout
    return [json.loads(line) for line in run.stdout.splitlines()]


def check_latents(path, has_sizes):
    ending = "_" + CELLS if has_sizes else ""
    with numpy.load(path) as file:
        expected = {name + ending for name in ("latents", "latents_flipped", "original_size", "crop_ltrb")}
        assert set(file.files) == expected, file.files
        for name in ("latents", "latents_flipped"):
            latents = file[name + ending]
            assert latents.dtype == numpy.float32 and latents.shape[1:] == (8, 8), (latents.dtype, latents.shape)
            assert numpy.isfinite(latents).all()
        size = file["original_size" + ending]
        assert size.dtype == numpy.int64 and size.tolist() == [WIDTH, HEIGHT], size
        crop = file["crop_ltrb" + ending]
        assert crop.dtype == numpy.float64 and crop.shape == (4,), crop


def check_text(path, arrays):
    with numpy.load(path) as file:
        assert {name: (file[name].ndim, file[name].dtype.str) for name in file.files} == arrays, path


def write_again(path):
    """As sd-scripts writes: no comment says what the file is of."""
    with numpy.load(path) as file:
        arrays = dict(file)
    numpy.savez(path, **arrays)


def told(events):
    return " ".join(json.dumps(event) for event in events)


def check(architecture, folder):
    _, _, latent_suffix, has_sizes, text_suffix, arrays = ARCHITECTURES[architecture]
    data = f"{folder}/{architecture}"
    images = f"{data}/1_thing"
    make_dataset(images)
    first = told(fill(architecture, data, f"{folder}/{architecture}-1"))
    assert f"{IMAGES} images encoded" in first, first
    files = []
    for i in range(IMAGES):
        files.append(f"{images}/{i}_{WIDTH:04d}x{HEIGHT:04d}{latent_suffix}")
        check_latents(files[-1], has_sizes)
        if text_suffix:
            files.append(f"{images}/{i}{text_suffix}")
            check_text(files[-1], arrays)
    second = told(fill(architecture, data, f"{folder}/{architecture}-2"))
    assert "0 images encoded" in second, second
    for path in files:
        write_again(path)
    third = told(fill(architecture, data, f"{folder}/{architecture}-3"))
    assert "0 images encoded" in third and f"{IMAGES} of {IMAGES} images use npz files" in third, third
    if text_suffix:
        assert "0 captions encoded" in third and f"{IMAGES} of {IMAGES} captions use npz files" in third, third
    print(f"{architecture}: {len(files)} files written, read by numpy, written by numpy, reused")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for architecture in sys.argv[3:] or ARCHITECTURES:
            check(architecture, folder)


if __name__ == "__main__":
    main()
