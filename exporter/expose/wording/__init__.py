"""The one room that makes words of facts: for the page, the command line, the API and the metrics."""
