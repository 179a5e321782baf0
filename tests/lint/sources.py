"""The source files of the four code folders and the tests, as lints see them."""
import os

ENDINGS = (".h", ".cc", ".cu", ".cuh")


def source_files(root, folders=("proto", "server", "trainer", "client", "tests")):
    """Paths relative to root, sorted."""
    found = []
    for folder in folders:
        for place, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith(ENDINGS):
                    found.append(os.path.relpath(os.path.join(place, name), root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def report(problems):
    """Prints the problems and gives the exit code."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0
