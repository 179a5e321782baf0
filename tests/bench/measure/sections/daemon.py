"""The daemon under load: submissions, a million jobs, a thousand watchers, event ingestion, idling, restarting."""
from measure import machine, program
from measure.section import Section

NAME = "daemon"


def measure(context):
    section = Section(NAME)
    context.calm()
    folder = context.folder("daemon")
    command = [context.program("daemon_load"), "--folder", folder] + (["--quick"] if context.quick else [])
    run = program.run(command, context.log(NAME))
    rows = []
    for mark in run.events("load"):
        event = mark.event
        rows.append([event["what"], event["value"], event["unit"]])
        section.put(event["key"], event["value"], run.share >= machine.IDLE_SHARE)
    section.table("The daemon under load", ["what", "value", "unit"], rows)
    return section
