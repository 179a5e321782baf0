"""A plain training loop over Diffusers' model: forward, squared error, backward, clipping, AdamW. Random inputs of
the shapes that training has; a JSON line after each step.

    plain_loop.py --kind KIND (--folder DIR | --checkpoint FILE --config DIR) [--resolution PIXELS] [--batch N]
                  [--steps N] [--bf16] [--fused]"""
import argparse
import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import diffusers
import torch

TOKENS = 77
# Captions as sd-scripts pads them: CLIP and T5 joined, T5, Gemma.
SD3_TOKENS, FLUX_TOKENS, LUMINA_TOKENS = 77 + 256, 512, 256
CLASSES = {"sd1": (diffusers.UNet2DConditionModel, "unet"), "sdxl": (diffusers.UNet2DConditionModel, "unet"),
           "sd3": (diffusers.SD3Transformer2DModel, "transformer"),
           "flux": (diffusers.FluxTransformer2DModel, "transformer"),
           "lumina2": (diffusers.Lumina2Transformer2DModel, "transformer")}


def load(arguments):
    kind, subfolder = CLASSES[arguments.kind]
    if arguments.folder:
        return kind.from_pretrained(arguments.folder, subfolder=subfolder, torch_dtype=torch.float32)
    return kind.from_single_file(arguments.checkpoint, config=arguments.config, subfolder=subfolder,
                                 local_files_only=True, torch_dtype=torch.float32)


def unet_inputs(config, batch, side):
    inputs = {"sample": torch.randn(batch, config.in_channels, side, side), "timestep": torch.randint(1000, (batch,)),
              "encoder_hidden_states": torch.randn(batch, TOKENS, config.cross_attention_dim)}
    if config.addition_embed_type == "text_time":
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        inputs["added_cond_kwargs"] = {"text_embeds": torch.randn(batch, pooled),
                                       "time_ids": torch.full((batch, 6), 8.0 * side)}
    return inputs


def sd3_inputs(config, batch, side):
    return {"hidden_states": torch.randn(batch, config.in_channels, side, side),
            "timestep": torch.rand(batch) * 1000,
            "encoder_hidden_states": torch.randn(batch, SD3_TOKENS, config.joint_attention_dim),
            "pooled_projections": torch.randn(batch, config.pooled_projection_dim)}


def flux_inputs(config, batch, side):
    patches = (side // 2) ** 2
    places = torch.zeros(patches, 3)
    places[:, 1] = torch.arange(patches) // (side // 2)
    places[:, 2] = torch.arange(patches) % (side // 2)
    return {"hidden_states": torch.randn(batch, patches, config.in_channels), "timestep": torch.rand(batch),
            "guidance": torch.ones(batch),
            "encoder_hidden_states": torch.randn(batch, FLUX_TOKENS, config.joint_attention_dim),
            "pooled_projections": torch.randn(batch, config.pooled_projection_dim),
            "img_ids": places, "txt_ids": torch.zeros(FLUX_TOKENS, 3)}


def lumina_inputs(config, batch, side):
    return {"hidden_states": torch.randn(batch, config.in_channels, side, side), "timestep": torch.rand(batch),
            "encoder_hidden_states": torch.randn(batch, LUMINA_TOKENS, config.cap_feat_dim),
            "encoder_attention_mask": torch.ones(batch, LUMINA_TOKENS, dtype=torch.bool)}


INPUTS = {"sd1": unet_inputs, "sdxl": unet_inputs, "sd3": sd3_inputs, "flux": flux_inputs, "lumina2": lumina_inputs}


def step(model, optimizer, arguments):
    """Seconds of each part of a step."""
    inputs = INPUTS[arguments.kind](model.config, arguments.batch, arguments.resolution // 8)
    marks = [time.monotonic()]
    with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
        output = model(**inputs, return_dict=False)[0]
    loss = torch.nn.functional.mse_loss(output.float(), torch.randn_like(output, dtype=torch.float32))
    marks.append(time.monotonic())
    loss.backward()
    marks.append(time.monotonic())
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    marks.append(time.monotonic())
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    marks.append(time.monotonic())
    parts = ["forward", "backward", "clip", "optimizer"]
    return {name: round(end - begin, 4) for name, begin, end in zip(parts, marks, marks[1:])}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=CLASSES, required=True)
    parser.add_argument("--folder")
    parser.add_argument("--checkpoint")
    parser.add_argument("--config")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--fused", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(1)
    model = load(arguments).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=arguments.fused or None)
    print(json.dumps({"type": "versions", "torch": torch.__version__, "diffusers": diffusers.__version__,
                      "threads": torch.get_num_threads()}), flush=True)
    for number in range(1, arguments.steps + 1):
        parts = step(model, optimizer, arguments)
        print(json.dumps({"type": "step", "step": number, "parts": parts}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
