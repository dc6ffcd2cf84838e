"""Pages of docs/ that are written from the code: `python -m exporter.generated_docs [--check]`."""
