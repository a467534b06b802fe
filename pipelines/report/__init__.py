"""What a person looks at: tables in the terminal, pages that look good in light and dark, figures.

Light to import: figures and jinja2 are loaded where they are drawn.
"""

from pipelines.report.lap import lap_tables, write_report
from pipelines.report.render import console

__all__ = ["console", "lap_tables", "write_report"]
