"""A measurement each: NAME and measure(context) -> Section."""
from measure.sections import caching, checkpoint, daemon, growth, loader, optimizers, sd1, sdxl, small

# In the order in which they are measured: what targets rest on comes first.
ALL = {module.NAME: module for module in (sd1, checkpoint, caching, sdxl, optimizers, small, daemon, loader, growth)}
