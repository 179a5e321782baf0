"""The sections' JSON files of a folder -> report.json and report.md."""
import json
import os

from measure import targets


def save_section(folder, section, around):
    """Writes SECTION.json; `around`: machine facts, load before and after, waits."""
    with open(os.path.join(folder, section.name + ".json"), "w", encoding="utf-8") as file:
        json.dump({**section.as_dict(), **around}, file, indent=1)
        file.write("\n")


def read_sections(folder):
    sections = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json") and name != "report.json":
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                sections.append(json.load(file))
    return sections


def write(folder):
    """Merges what sections of this and earlier runs left in `folder`."""
    sections = read_sections(folder)
    values = {key: value for section in sections for key, value in section["values"].items()}
    disturbed = {key for section in sections for key in section["disturbed"]}
    rows = [{"target": target.what, "limit": target.text(), "measured": values.get(target.key),
             "met": targets.verdict(target, values, disturbed)} for target in targets.TARGETS]
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump({"targets": rows, "sections": sections}, file, indent=1)
        file.write("\n")
    path = os.path.join(folder, "report.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(markdown(rows, sections))
    return path


def markdown(rows, sections):
    lines = ["# Measurements", ""]
    if any(section.get("quick") for section in sections):
        lines += ["**Small sizes (--quick): these numbers only show that the measurements work.**", ""]
    lines += table(["target", "limit", "measured", "met?"],
                   [[row["target"], row["limit"], row["measured"], row["met"]] for row in rows])
    for section in sections:
        lines += ["", f"## {section['name']}", "", _machine_line(section), ""]
        for one in section["tables"]:
            lines += [one["title"] + ":", "", *table(one["columns"], one["rows"]), ""]
        lines += [f"- {note}" for note in section["notes"]]
        disturbed = ", ".join(key.split(".", 1)[1] for key in section["disturbed"])
        if disturbed:
            lines.append(f"- measured while others used the machine: {disturbed}")
    return "\n".join(lines) + "\n"


def _machine_line(section):
    facts = section.get("machine", {})
    waits = section.get("waits", [])
    idle = all(wait["idle"] for wait in waits)
    return (f"{facts.get('cpu')}, {facts.get('cores')} cores, {facts.get('memory_bytes', 0) / 2**30:.0f} GiB, Linux "
            f"{facts.get('kernel')}, commit {facts.get('commit', '')[:12]}, {facts.get('time')}; load "
            f"{section.get('load_before')} before, {section.get('load_after')} after; "
            f"{section.get('seconds', 0):.0f} s; {'idle' if idle else 'NOT idle'} at the start of each run")


def cell(value):
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
    return str(value)


def table(columns, rows):
    return ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |",
            *("| " + " | ".join(cell(value) for value in row) + " |" for row in rows)]
