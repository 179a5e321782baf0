"""The other side: a plain PyTorch loop over Diffusers' model, and sd-scripts."""
import json
import os

from measure import ours, program

# What a user of PyTorch has to know for the same machine: fewer page faults and one pass over the weights.
TUNED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
PEERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers")
# The SD 1.5 U-Net as Diffusers describes it, with the widths of make_checkpoint.
SD1_UNET = {"_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": 8, "in_channels": 4,
            "out_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "sample_size": 64,
            "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
            "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3}
WIDTHS = {"full": ([320, 640, 1280, 1280], 768), "tiny": ([32, 64, 128, 128], 128)}


def sd1_config(context, size):
    """A folder that says what U-Net a checkpoint of make_checkpoint holds."""
    channels, context_width = WIDTHS[size]
    folder = context.folder("sd1-" + size, "unet")
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({**SD1_UNET, "block_out_channels": channels, "cross_attention_dim": context_width}, file)
    return os.path.dirname(folder)


def plain_loop(context, name, steps, options, tuned=False):
    """Steps of forward, backward, clipping and AdamW; `options` are those of plain_loop.py."""
    command = [context.python, os.path.join(PEERS, "plain_loop.py"), "--steps", str(steps), *options]
    if tuned:
        command.append("--fused")
    return program.run(command, context.log(name), {"HF_HUB_OFFLINE": "1", **(TUNED if tuned else {})})


def sd_scripts(context, name, script, arguments, stop=None, tuned=False):
    """A program of sd-scripts through sd_scripts.py, which reports its steps and its caching as JSON lines."""
    tokenizers = context.folder("tokenizers")
    link = os.path.join(tokenizers, "openai_clip-vit-large-patch14")
    if not os.path.lexists(link):
        os.symlink(context.golden("tokenizers", "clip"), link)
    command = [context.python, os.path.join(PEERS, "sd_scripts.py"), context.sd_scripts, script,
               "--tokenizer_cache_dir", tokenizers, *arguments]
    return program.run(command, context.log(name), {"HF_HUB_OFFLINE": "1", **(TUNED if tuned else {})},
                       folder=context.sd_scripts, stop=stop)


def train_db(context, name, steps, checkpoint, dataset, tuned=False):
    """sd-scripts' fine-tuning of the U-Net of an SD 1.5 checkpoint, latents cached, as a user would start it."""
    arguments = ["--pretrained_model_name_or_path", checkpoint, "--dataset_config", dataset, "--output_dir",
                 context.folder("out", name), "--output_name", "out", "--max_train_steps", str(ours.PROMISED_STEPS),
                 "--seed", "1", "--cache_latents", "--stop_text_encoder_training", "-1", "--learning_rate", "1e-5",
                 "--optimizer_type", "AdamW", "--max_grad_norm", "1.0", "--mixed_precision", "no",
                 "--save_model_as", "safetensors", "--sdpa"]
    if tuned:
        arguments += ["--optimizer_args", "fused=True"]
    return sd_scripts(context, name, "train_db.py", arguments, ours.after_steps(steps), tuned)
