"""Every source is as clang-format has it."""
import shutil
import subprocess
import sys

from sources import report, source_files


def check(root):
    if shutil.which("clang-format") is None:
        yield "clang-format is not installed; deploy/setup.sh installs it"
        return
    files = source_files(root)
    result = subprocess.run(["clang-format", "--dry-run", "--Werror", *files], cwd=root,
                            capture_output=True, text=True, check=False)
    for line in result.stderr.splitlines():
        if "error:" in line:
            yield line


if __name__ == "__main__":
    sys.exit(report(list(check(sys.argv[1]))))
