"""The Chinese working calendar, by which every deadline is counted."""
