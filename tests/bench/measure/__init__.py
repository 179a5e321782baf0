"""Measurements of Atelier: a file for each section below sections/, and what they share."""
