"""Papers: dataclasses in, PDF bytes out. Imports nothing of the application."""

from reports.records import ConversionSheet, RecognitionSheet
from reports.seal import Seal
from reports.sheets import conversion_sheet, recognition_sheet

__all__ = ["ConversionSheet", "RecognitionSheet", "Seal", "conversion_sheet", "recognition_sheet"]
