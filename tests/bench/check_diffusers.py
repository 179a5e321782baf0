"""Loads an SD 1.x single file with Diffusers and compares every tensor with what the file holds."""
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import safe_open
from transformers import CLIPTextModel

UNET = {
    "in_channels": 4, "out_channels": 4, "sample_size": 64, "layers_per_block": 2,
    "attention_head_dim": 8,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}


def config_folder(name, config):
    """Diffusers wants a configuration folder where it may not ask the hub."""
    import json
    folder = tempfile.mkdtemp()
    os.makedirs(os.path.join(folder, name))
    with open(os.path.join(folder, name, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    return folder


def values(tensors):
    """A multiset of tensors by shape and content: names differ between the layouts."""
    found = {}
    for tensor in tensors:
        tensor = tensor.to(torch.float32)
        flat = tensor.flatten()
        key = (tensor.numel(), flat[:64].double().sum().item(), flat.double().sum().item())
        found[key] = found.get(key, 0) + 1
    return found


def main():
    path = sys.argv[1]
    with safe_open(path, "pt") as file:
        stored = {key: file.get_tensor(key) for key in file.keys()}
    shape = {key: list(tensor.shape) for key, tensor in stored.items()}
    unet_keys = [key for key in stored if key.startswith("model.diffusion_model.")]
    vae_keys = [key for key in stored if key.startswith("first_stage_model.")]
    unet_config = dict(
        UNET, _class_name="UNet2DConditionModel",
        cross_attention_dim=shape[
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"][1],
        block_out_channels=[
            shape[f"model.diffusion_model.input_blocks.{i}.0.out_layers.3.weight"][0]
            for i in (1, 4, 7, 10)])
    unet = UNet2DConditionModel.from_single_file(
        path, config=config_folder("unet", unet_config), subfolder="unet",
        torch_dtype=torch.float32, local_files_only=True)
    vae_config = {
        "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": 4,
        "layers_per_block": 2, "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "block_out_channels": [
            shape[f"first_stage_model.encoder.down.{i}.block.0.conv1.weight"][0] for i in range(4)],
    }
    vae = AutoencoderKL.from_single_file(
        path, config=config_folder("vae", vae_config), subfolder="vae",
        torch_dtype=torch.float32, local_files_only=True)
    failed = False
    for name, model, keys in (("unet", unet, unet_keys), ("vae", vae, vae_keys)):
        loaded, expected = values(model.state_dict().values()), values(stored[k] for k in keys)
        same = loaded == expected
        failed |= not same
        print(f"{name}: {len(keys)} tensors in the file, {sum(loaded.values())} loaded,",
              "all equal" if same else "DIFFERENT")
    prefix = "cond_stage_model.transformer."
    text = {key.removeprefix(prefix): tensor for key, tensor in stored.items()
            if key.startswith(prefix)}
    width = shape[prefix + "text_model.final_layer_norm.weight"][0]
    layers = 1 + max(int(key.split(".")[3]) for key in text if ".layers." in key)
    model = CLIPTextModel(CLIPTextModel.config_class(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 64,
        intermediate_size=4 * width))
    wanted = set(model.state_dict())
    if not any(key.startswith("text_model.") for key in wanted):
        text = {key.removeprefix("text_model."): tensor for key, tensor in text.items()}
    missing, unexpected = model.load_state_dict(text, strict=False)
    unexpected = [key for key in unexpected if not key.endswith("position_ids")]
    failed |= bool(missing or unexpected)
    print(f"text encoder: {len(text)} tensors, missing {missing}, unexpected {unexpected}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
