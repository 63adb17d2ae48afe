"""A digest to files: Markdown and HTML to read, CSV and JSON Lines to work with, pictures, the run's report.

Only what the digest says is rendered, so the same digest gives the same bytes.
"""

from monitor.stages.render.blindspots import BlindSpot, find_blind_spots
from monitor.stages.render.files import render_digest
from monitor.stages.render.page import Page, Picture, make_page
from monitor.stages.render.tables import make_json_row, render_csv, render_report

__all__ = [
    "BlindSpot",
    "Page",
    "Picture",
    "find_blind_spots",
    "make_json_row",
    "make_page",
    "render_csv",
    "render_digest",
    "render_report",
]
