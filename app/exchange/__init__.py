"""Rows in and out: imports from workbooks, exports of lists."""
