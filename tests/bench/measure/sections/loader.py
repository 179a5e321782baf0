"""A dataset of 20,000 pictures of mixed sizes: scan and buckets, what the loader delivers, and what the autoencoder
takes on the same CPU."""
import shutil

from measure import machine, program
from measure.section import Section

NAME = "loader"


def measure(context):
    section = Section(NAME)
    folder = context.path("dataset")
    shutil.rmtree(folder, ignore_errors=True)
    count, batches = ("220", "2") if context.quick else ("20000", "25")
    rows = []
    try:
        _bench(context, "make", folder, count)
        context.calm()
        for words in (["scan", folder, "1024"], ["load", folder, "256", batches], ["load", folder, "1024", batches],
                      ["encode", "64" if context.quick else "256", "1" if context.quick else "3"]):
            run = _bench(context, *words)
            for mark in run.events("dataset"):
                rows.append([mark.event["what"], mark.event["value"], mark.event["unit"]])
                section.put(mark.event["key"], mark.event["value"], run.share >= machine.IDLE_SHARE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    section.table(f"A dataset of {count} pictures", ["what", "value", "unit"], rows)
    return section


def _bench(context, *words):
    return program.run([context.program("dataset_bench"), *words], context.log(NAME))
