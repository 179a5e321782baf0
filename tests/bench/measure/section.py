"""What a measurement hands back: values by name, which of them were disturbed, tables and notes."""
import math
from dataclasses import asdict, dataclass, field


@dataclass
class Section:
    name: str
    values: dict = field(default_factory=dict)
    disturbed: list = field(default_factory=list)
    tables: list = field(default_factory=list)  # {"title", "columns", "rows"}
    notes: list = field(default_factory=list)

    def put(self, key, value, disturbed=False):
        full = f"{self.name}.{key}"
        self.values[full] = None if value is None or math.isnan(value) else value
        if disturbed:
            self.disturbed.append(full)

    def ratio(self, key, ours, theirs):
        """Of two summaries of step times (steps.summary): our median against theirs."""
        if ours and theirs and theirs["median"]:
            self.put(key, ours["median"] / theirs["median"], ours["disturbed"] or theirs["disturbed"])

    def table(self, title, columns, rows):
        self.tables.append({"title": title, "columns": columns, "rows": rows})

    def steps_table(self, title, summaries):
        self.table(title, ["run", "median s", "smallest", "largest", "steps", "dropped", "disturbed"],
                   [[name, s["median"], s["min"], s["max"], s["steps"], s["dropped"], "yes" if s["disturbed"] else ""]
                    for name, s in summaries.items()])

    def as_dict(self):
        return asdict(self)
