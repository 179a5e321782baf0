"""Architecture names stay in their folders; words that say nothing and signs of unfinished work do not
stand in the tree."""
import os
import re
import sys

from sources import read, report, source_files

ARCHITECTURE = re.compile(r"\b(sd1|sd2|sdxl|sd3|flux|lumina2?)\b", re.I)
VAGUE = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager)(_|\.|$)")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not (yet )?implemented", re.I)
COMMENT_OR_TEXT = re.compile(r'//.*|"(?:[^"\\]|\\.)*"')


def check(root):
    for path in source_files(root):
        name = os.path.basename(path)
        if VAGUE.search(name):
            yield f"{path}: a file is named for the one thing it holds"
        text = read(root, path)
        for number, line in enumerate(text.splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{path}:{number}: reads as unfinished: {line.strip()}"
        # The family of sampling schedules keeps its published names.
        if path.startswith("trainer/") and not path.startswith(
                ("trainer/architectures/", "trainer/diffusion/")):
            for number, line in enumerate(text.splitlines(), 1):
                if ARCHITECTURE.search(COMMENT_OR_TEXT.sub("", line)):
                    yield f"{path}:{number}: names an architecture outside its folder: {line.strip()}"


if __name__ == "__main__":
    sys.exit(report(list(check(sys.argv[1]))))
