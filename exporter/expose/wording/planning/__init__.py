"""The words of plans, of edited files and of reports."""
