"""The formats that several kinds of pages share."""
