"""The parts a report is made of, as Markdown, HTML and PNG: blocks, tables, figures, matrices, the page."""
