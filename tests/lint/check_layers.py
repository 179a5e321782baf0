"""Who may include whom (layers.txt), how long a file may be, and who may name LibTorch or protobuf."""
import os
import re
import sys

from sources import read, report, source_files

MAX_LINES = 300
INCLUDE = re.compile(r'^#include "((?:proto|server|trainer|client|tests)/[^"]+)"', re.M)
ANY_INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.M)


def read_layers(root):
    """Returns {folder: (allowed folders or files), …} and the files that may be longer."""
    layers, tables = {}, set()
    for line in read(root, "tests/lint/layers.txt").splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        folder, _, allowed = line.partition(":")
        if folder == "tables":
            tables.update(allowed.split())
        else:
            layers[folder.strip()] = tuple(allowed.split())
    return layers, tables


def allowed(target, rules):
    """A rule is a folder (its own files), a folder with /** (all below) or one file."""
    for rule in rules:
        if rule.endswith("/**"):
            if target.startswith(rule[:-2]):
                return True
        elif target == rule or os.path.dirname(target) == rule:
            return True
    return False


def layer_of(path, layers):
    """The nearest folder above the file that layers.txt names; sub-folders share its line."""
    folder = os.path.dirname(path)
    while folder and folder not in layers:
        folder = os.path.dirname(folder)
    return folder


def check(root):
    layers, tables = read_layers(root)
    for path in source_files(root):
        text = read(root, path)
        lines = text.count("\n")
        if lines > MAX_LINES and path not in tables:
            yield f"{path}: {lines} lines; at most {MAX_LINES} (only tables may be longer)"
        if path.startswith("tests/"):
            continue
        folder = layer_of(path, layers)
        if not folder:
            yield f"{path}: no folder above it has a line in tests/lint/layers.txt"
            continue
        for target in INCLUDE.findall(text):
            if layer_of(target, layers) != folder and not allowed(target, layers[folder]):
                yield f"{path}: includes {target}; {folder} may include {' '.join(layers[folder]) or 'nothing'}"
        if path != "proto/cc/toml.h" and "toml++/toml.h" in ANY_INCLUDE.findall(text):
            yield f"{path}: includes toml++ by itself; proto/cc/toml.h says how all do"
        if not path.startswith("trainer/") and any(
                name.startswith(("torch/", "ATen/", "c10/")) for name in ANY_INCLUDE.findall(text)):
            yield f"{path}: includes LibTorch; only the trainer's tensor half may"


def main():
    return report(list(check(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
