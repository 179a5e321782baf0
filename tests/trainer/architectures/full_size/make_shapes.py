#!/usr/bin/env python3
"""Lists every tensor of a published checkpoint with its shape, for the *_full_size_test.cc.

usage: make_shapes.py [NAME...]      writes NAME.txt beside this file; all without a name

Needs the Python packages diffusers 0.42.1, transformers 5.23.0 and torch 2.11. The networks are built
on the meta device from the published configurations, so no weights are read; names are then turned
into those of the original layout. A line is `name [shape]`; `{0-18}` stands for each of these numbers.
"""
import pathlib
import re
import sys

import torch


def shapes(module):
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


def flux(guidance):
    from diffusers import FluxTransformer2DModel

    with torch.device("meta"):
        # transformer/config.json of black-forest-labs/FLUX.1-dev; schnell differs in guidance_embeds.
        model = FluxTransformer2DModel(
            patch_size=1, in_channels=64, num_layers=19, num_single_layers=38, attention_head_dim=128,
            num_attention_heads=24, joint_attention_dim=4096, pooled_projection_dim=768,
            guidance_embeds=guidance, axes_dims_rope=(16, 56, 56))
    return joined(shapes(model), FLUX_NAMES)


# Parts of Diffusers names, and what stands for them in the original; parts that become one tensor of
# the original are joined by rows.
FLUX_NAMES = [
    (r"^x_embedder\.", "img_in."),
    (r"^context_embedder\.", "txt_in."),
    (r"^time_text_embed\.timestep_embedder\.", "time_in."),
    (r"^time_text_embed\.text_embedder\.", "vector_in."),
    (r"^time_text_embed\.guidance_embedder\.", "guidance_in."),
    (r"\.linear_1\.", ".in_layer."),
    (r"\.linear_2\.", ".out_layer."),
    (r"^norm_out\.linear\.", "final_layer.adaLN_modulation.1."),
    (r"^proj_out\.", "final_layer.linear."),
    (r"^single_transformer_blocks\.(\d+)\.(attn\.to_[qkv]|proj_mlp)\.", r"single_blocks.\1.linear1."),
    (r"^single_transformer_blocks\.(\d+)\.proj_out\.", r"single_blocks.\1.linear2."),
    (r"^single_transformer_blocks\.(\d+)\.norm\.linear\.", r"single_blocks.\1.modulation.lin."),
    (r"^single_transformer_blocks\.(\d+)\.attn\.norm_q\.weight", r"single_blocks.\1.norm.query_norm.scale"),
    (r"^single_transformer_blocks\.(\d+)\.attn\.norm_k\.weight", r"single_blocks.\1.norm.key_norm.scale"),
    (r"^transformer_blocks\.", "double_blocks."),
    (r"\.norm1\.linear\.", ".img_mod.lin."),
    (r"\.norm1_context\.linear\.", ".txt_mod.lin."),
    (r"\.attn\.to_[qkv]\.", ".img_attn.qkv."),
    (r"\.attn\.add_[qkv]_proj\.", ".txt_attn.qkv."),
    (r"\.attn\.to_out\.0\.", ".img_attn.proj."),
    (r"\.attn\.to_add_out\.", ".txt_attn.proj."),
    (r"\.attn\.norm_q\.weight", ".img_attn.norm.query_norm.scale"),
    (r"\.attn\.norm_k\.weight", ".img_attn.norm.key_norm.scale"),
    (r"\.attn\.norm_added_q\.weight", ".txt_attn.norm.query_norm.scale"),
    (r"\.attn\.norm_added_k\.weight", ".txt_attn.norm.key_norm.scale"),
    (r"\.ff\.net\.0\.proj\.", ".img_mlp.0."),
    (r"\.ff\.net\.2\.", ".img_mlp.2."),
    (r"\.ff_context\.net\.0\.proj\.", ".txt_mlp.0."),
    (r"\.ff_context\.net\.2\.", ".txt_mlp.2."),
]


def sd3(heads, positions, is_35, dual_blocks=0):
    from diffusers import SD3Transformer2DModel

    with torch.device("meta"):
        # transformer/config.json of stabilityai/stable-diffusion-3-medium, -3.5-medium and -3.5-large.
        model = SD3Transformer2DModel(
            sample_size=128, patch_size=2, in_channels=16, out_channels=16, num_layers=heads, attention_head_dim=64,
            num_attention_heads=heads, joint_attention_dim=4096, caption_projection_dim=64 * heads,
            pooled_projection_dim=2048, pos_embed_max_size=positions, qk_norm="rms_norm" if is_35 else None,
            dual_attention_layers=tuple(range(dual_blocks)))
    return joined(shapes(model), SD3_NAMES)


SD3_NAMES = [
    (r"^pos_embed\.pos_embed$", "pos_embed"),
    (r"^pos_embed\.proj\.", "x_embedder.proj."),
    (r"^time_text_embed\.timestep_embedder\.linear_1\.", "t_embedder.mlp.0."),
    (r"^time_text_embed\.timestep_embedder\.linear_2\.", "t_embedder.mlp.2."),
    (r"^time_text_embed\.text_embedder\.linear_1\.", "y_embedder.mlp.0."),
    (r"^time_text_embed\.text_embedder\.linear_2\.", "y_embedder.mlp.2."),
    (r"^norm_out\.linear\.", "final_layer.adaLN_modulation.1."),
    (r"^proj_out\.", "final_layer.linear."),
    (r"^transformer_blocks\.", "joint_blocks."),
    (r"\.norm1\.linear\.", ".x_block.adaLN_modulation.1."),
    (r"\.norm1_context\.linear\.", ".context_block.adaLN_modulation.1."),
    (r"\.(attn2?)\.to_[qkv]\.", r".x_block.\1.qkv."),
    (r"\.attn\.add_[qkv]_proj\.", ".context_block.attn.qkv."),
    (r"\.(attn2?)\.to_out\.0\.", r".x_block.\1.proj."),
    (r"\.attn\.to_add_out\.", ".context_block.attn.proj."),
    (r"\.(attn2?)\.norm_([qk])\.", r".x_block.\1.ln_\2."),
    (r"\.attn\.norm_added_([qk])\.", r".context_block.attn.ln_\1."),
    (r"\.ff\.net\.0\.proj\.", ".x_block.mlp.fc1."),
    (r"\.ff\.net\.2\.", ".x_block.mlp.fc2."),
    (r"\.ff_context\.net\.0\.proj\.", ".context_block.mlp.fc1."),
    (r"\.ff_context\.net\.2\.", ".context_block.mlp.fc2."),
]


def lumina2():
    from diffusers import Lumina2Transformer2DModel

    with torch.device("meta"):
        # transformer/config.json of Alpha-VLLM/Lumina-Image-2.0.
        model = Lumina2Transformer2DModel(
            sample_size=128, patch_size=2, in_channels=16, hidden_size=2304, num_layers=26, num_refiner_layers=2,
            num_attention_heads=24, num_kv_heads=8, multiple_of=256, norm_eps=1e-5, scaling_factor=1.0,
            axes_dim_rope=(32, 32, 32), axes_lens=(300, 512, 512), cap_feat_dim=2304)
    listed = joined(shapes(model), LUMINA2_NAMES)
    listed["norm_final.weight"] = [2304]  # in the original layout alone, where nothing reads it
    return listed


LUMINA2_NAMES = [
    (r"^time_caption_embed\.timestep_embedder\.linear_1\.", "t_embedder.mlp.0."),
    (r"^time_caption_embed\.timestep_embedder\.linear_2\.", "t_embedder.mlp.2."),
    (r"^time_caption_embed\.caption_embedder\.", "cap_embedder."),
    (r"^norm_out\.linear_1\.", "final_layer.adaLN_modulation.1."),
    (r"^norm_out\.linear_2\.", "final_layer.linear."),
    (r"\.attn\.to_[qkv]\.", ".attention.qkv."),
    (r"\.attn\.to_out\.0\.", ".attention.out."),
    (r"\.attn\.norm_([qk])\.", r".attention.\1_norm."),
    (r"\.feed_forward\.linear_([123])\.", r".feed_forward.w\1."),
    (r"\.norm1\.linear\.", ".adaLN_modulation.1."),
    (r"\.norm1\.(norm\.)?weight", ".attention_norm1.weight"),
    (r"\.norm2\.", ".attention_norm2."),
]


def joined(listed, names):
    out = {}
    for name, shape in listed.items():
        for pattern, replacement in names:
            name = re.sub(pattern, replacement, name)
        if name in out:
            assert out[name][1:] == shape[1:], name
            shape = [out[name][0] + shape[0]] + shape[1:]
        out[name] = shape
    return out


def t5xxl():
    from transformers import T5Config, T5EncoderModel

    with torch.device("meta"):
        # config.json of google/t5-v1_1-xxl.
        model = T5EncoderModel(T5Config(
            vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
            relative_attention_num_buckets=32, feed_forward_proj="gated-gelu"))
    listed = shapes(model)
    listed.pop("encoder.embed_tokens.weight", None)  # the same as shared.weight
    return listed


def clip_l():
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        # text_config of openai/clip-vit-large-patch14.
        model = CLIPTextModel(CLIPTextConfig(
            vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
            num_attention_heads=12, max_position_embeddings=77))
    listed = {name.removeprefix("text_model."): shape for name, shape in shapes(model).items()}
    listed.pop("embeddings.position_ids", None)  # a constant that newer files lack
    return {"text_model." + name: shape for name, shape in listed.items()}


def clip_g():
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    with torch.device("meta"):
        # text_encoder_2/config.json of stabilityai/stable-diffusion-3-medium.
        model = CLIPTextModelWithProjection(CLIPTextConfig(
            vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
            num_attention_heads=20, max_position_embeddings=77, projection_dim=1280, hidden_act="gelu"))
    listed = shapes(model)
    listed.pop("text_model.embeddings.position_ids", None)  # a constant that newer files lack
    return listed


def unet_ldm(levels, depths, heads, context, linear, label=None):
    """A U-Net of Stable Diffusion 1, 2 or XL in the names of its single file."""
    from diffusers import UNet2DConditionModel

    attends = [depth > 0 for depth in depths]
    with torch.device("meta"):
        model = UNet2DConditionModel(
            in_channels=4, out_channels=4, block_out_channels=levels, layers_per_block=2,
            down_block_types=["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attends],
            up_block_types=["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)],
            attention_head_dim=heads, cross_attention_dim=context, use_linear_projection=linear,
            transformer_layers_per_block=[max(depth, 1) for depth in depths],
            addition_embed_type="text_time" if label else None, addition_time_embed_dim=256 if label else None,
            projection_class_embeddings_input_dim=label)
    return joined(shapes(model), unet_ldm_names(attends))


def unet_ldm_names(attends):
    """The flat lists of the original count residual blocks and changes of size alike."""
    names = [
        (r"^conv_in\.", "input_blocks.0.0."),
        (r"^time_embedding\.linear_1\.", "time_embed.0."),
        (r"^time_embedding\.linear_2\.", "time_embed.2."),
        (r"^add_embedding\.linear_1\.", "label_emb.0.0."),
        (r"^add_embedding\.linear_2\.", "label_emb.0.2."),
        (r"^conv_norm_out\.", "out.0."),
        (r"^conv_out\.", "out.2."),
        (r"^mid_block\.resnets\.0\.", "middle_block.0."),
        (r"^mid_block\.attentions\.0\.", "middle_block.1."),
        (r"^mid_block\.resnets\.1\.", "middle_block.2."),
    ]
    for level in range(len(attends)):
        for block in range(2):
            number = 3 * level + block + 1
            names.append((rf"^down_blocks\.{level}\.resnets\.{block}\.", f"input_blocks.{number}.0."))
            names.append((rf"^down_blocks\.{level}\.attentions\.{block}\.", f"input_blocks.{number}.1."))
        names.append((rf"^down_blocks\.{level}\.downsamplers\.0\.conv\.", f"input_blocks.{3 * level + 3}.0.op."))
        for block in range(3):
            number = 3 * level + block
            names.append((rf"^up_blocks\.{level}\.resnets\.{block}\.", f"output_blocks.{number}.0."))
            names.append((rf"^up_blocks\.{level}\.attentions\.{block}\.", f"output_blocks.{number}.1."))
        place = 2 if attends[len(attends) - 1 - level] else 1
        names.append((rf"^up_blocks\.{level}\.upsamplers\.0\.conv\.", f"output_blocks.{3 * level + 2}.{place}.conv."))
    return names + [
        (r"^((?:input|middle|output)_block(?:s\.\d+)?\.\d)\.norm1\.", r"\1.in_layers.0."),
        (r"^((?:input|middle|output)_block(?:s\.\d+)?\.\d)\.conv1\.", r"\1.in_layers.2."),
        (r"^((?:input|middle|output)_block(?:s\.\d+)?\.\d)\.time_emb_proj\.", r"\1.emb_layers.1."),
        (r"^((?:input|middle|output)_block(?:s\.\d+)?\.\d)\.norm2\.", r"\1.out_layers.0."),
        (r"^((?:input|middle|output)_block(?:s\.\d+)?\.\d)\.conv2\.", r"\1.out_layers.3."),
        (r"^((?:input|middle|output)_block(?:s\.\d+)?\.\d)\.conv_shortcut\.", r"\1.skip_connection."),
    ]


def vae_ldm():
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        # vae/config.json, alike in sizes for Stable Diffusion 1, 2 and XL.
        model = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    listed = joined(shapes(model), VAE_LDM_NAMES)
    for name in listed:
        if ".mid.attn_1." in name and name.endswith("weight") and len(listed[name]) == 2:
            listed[name] = listed[name] + [1, 1]  # convolutions in the original
    return listed


VAE_LDM_NAMES = [
    (r"^encoder\.down_blocks\.(\d)\.resnets\.", r"encoder.down.\1.block."),
    (r"^encoder\.down_blocks\.(\d)\.downsamplers\.0\.", r"encoder.down.\1.downsample."),
    *[(rf"^decoder\.up_blocks\.{i}\.resnets\.", f"decoder.up.{3 - i}.block.") for i in range(4)],
    *[(rf"^decoder\.up_blocks\.{i}\.upsamplers\.0\.", f"decoder.up.{3 - i}.upsample.") for i in range(4)],
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"\.mid_block\.resnets\.0\.", ".mid.block_1."),
    (r"\.mid_block\.resnets\.1\.", ".mid.block_2."),
    (r"\.mid_block\.attentions\.0\.group_norm\.", ".mid.attn_1.norm."),
    (r"\.mid_block\.attentions\.0\.to_([qkv])\.", r".mid.attn_1.\1."),
    (r"\.mid_block\.attentions\.0\.to_out\.0\.", ".mid.attn_1.proj_out."),
    (r"\.conv_norm_out\.", ".norm_out."),
]


def open_clip(width, layers, heads, projection):
    """OpenCLIP's text model, whose q, k and v are one tensor."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    with torch.device("meta"):
        model = CLIPTextModelWithProjection(CLIPTextConfig(
            vocab_size=49408, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
            num_attention_heads=heads, max_position_embeddings=77, projection_dim=projection, hidden_act="gelu"))
    listed = shapes(model)
    listed.pop("text_model.embeddings.position_ids", None)
    listed["logit_scale"] = []
    return joined(listed, OPEN_CLIP_NAMES)


OPEN_CLIP_NAMES = [
    (r"^text_model\.", ""),
    (r"^embeddings\.token_embedding\.", "token_embedding."),
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^final_layer_norm\.", "ln_final."),
    (r"^text_projection\.weight", "text_projection"),
    (r"^encoder\.layers\.", "transformer.resblocks."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.self_attn\.[qkv]_proj\.(weight|bias)", r".attn.in_proj_\1"),
]


def single_file(parts):
    return {prefix + name: shape for prefix, listed in parts.items() for name, shape in listed.items()}


def sd1():
    return single_file({
        # unet/config.json and text_encoder/config.json of stable-diffusion-v1-5.
        "model.diffusion_model.": unet_ldm((320, 640, 1280, 1280), (1, 1, 1, 0), 8, 768, False),
        "first_stage_model.": vae_ldm(),
        "cond_stage_model.transformer.": clip_l(),
    })


def sd2():
    return single_file({
        # unet/config.json of stabilityai/stable-diffusion-2-1; OpenCLIP's ViT-H-14.
        "model.diffusion_model.": unet_ldm((320, 640, 1280, 1280), (1, 1, 1, 0), (5, 10, 20, 20), 1024, True),
        "first_stage_model.": vae_ldm(),
        "cond_stage_model.model.": open_clip(1024, 24, 16, 1024),
    })


def sdxl():
    return single_file({
        # unet/config.json of stabilityai/stable-diffusion-xl-base-1.0; OpenCLIP's ViT-bigG-14.
        "model.diffusion_model.": unet_ldm((320, 640, 1280), (0, 2, 10), (5, 10, 20), 2048, True, 2816),
        "first_stage_model.": vae_ldm(),
        "conditioner.embedders.0.transformer.": clip_l(),
        "conditioner.embedders.1.model.": open_clip(1280, 32, 20, 1280),
    })


def gemma2_2b():
    from transformers import Gemma2Config, Gemma2Model

    with torch.device("meta"):
        # config.json of google/gemma-2-2b.
        model = Gemma2Model(Gemma2Config(
            vocab_size=256000, hidden_size=2304, intermediate_size=9216, num_hidden_layers=26,
            num_attention_heads=8, num_key_value_heads=4, head_dim=256))
    return shapes(model)


NETWORKS = {
    "clip_g": clip_g,
    "clip_l": clip_l,
    "flux_dev": lambda: flux(True),
    "flux_schnell": lambda: flux(False),
    "gemma2_2b": gemma2_2b,
    "lumina2": lumina2,
    "sd1": sd1,
    "sd2": sd2,
    "sdxl": sdxl,
    "sd35_large": lambda: sd3(38, 192, True),
    "sd35_medium": lambda: sd3(24, 384, True, 13),
    "sd3_medium": lambda: sd3(24, 192, False),
    "t5xxl": t5xxl,
}


def compact(listed):
    """Lines with ranges for the number of a layer, or else the first of a name, where the shapes are equal."""
    groups = {}
    for name, shape in listed.items():
        number = re.search(r"\.(?:layers|resblocks|transformer_blocks)\.(\d+)(?=\.)", name) or re.search(r"\.(\d+)(?=\.)", name)
        key = (name[:number.start(1)] + "{}" + name[number.end(1):], str(shape)) if number else (name, str(shape))
        groups.setdefault(key, []).append(int(number.group(1)) if number else None)
    lines = []
    for (name, shape), numbers in groups.items():
        if numbers == [None]:
            lines.append(f"{name} {shape}")
            continue
        for first, last in runs(sorted(numbers)):
            text = f"{{{first}-{last}}}" if last > first else str(first)
            lines.append(f"{name.replace('{}', text)} {shape}")
    return sorted(lines)


def runs(numbers):
    first = last = numbers[0]
    for number in numbers[1:]:
        if number > last + 1:
            yield first, last
            first = number
        last = number
    yield first, last


def main():
    for name in sys.argv[1:] or NETWORKS:
        path = pathlib.Path(__file__).with_name(f"{name}.txt")
        path.write_text("\n".join(compact(NETWORKS[name]())) + "\n")


main()
