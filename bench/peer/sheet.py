"""Writes rows of a CSV file by XlsxWriter in constant memory; prints the seconds that it took."""

from __future__ import annotations

import csv
import sys
import time

from xlsxwriter import Workbook


def main() -> None:
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    begin = time.perf_counter()
    with Workbook(sys.argv[2], {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                sheet.write_string(number, column, text)
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main()
