"""Words of a paper in a language of its own: a paper may be English while the page that orders it is
Chinese.
"""

from __future__ import annotations

import gettext
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from app.kernel.choices import Choice
from app.kernel.clock import civil
from app.kernel.errors import N_

_CATALOGUES = Path(__file__).resolve().parents[2] / "translations"

#: What acts of the audit trail are called on a timeline.
ACTIONS = {
    "recognition.submit": N_("Submitted for recognition"),
    "recognition.pass": N_("Recognised"),
    "recognition.refuse": N_("Recognition refused"),
    "recognition.return": N_("Returned for correction"),
    "recognition.uphold": N_("Appeal upheld"),
    "conversion.submit": N_("Applied for conversion"),
    "conversion.initial_agree": N_("Initial review: agreed"),
    "conversion.initial_refuse": N_("Initial review: refused"),
    "conversion.initial_return": N_("Initial review: returned"),
    "conversion.final_agree": N_("Final review: agreed"),
    "conversion.final_refuse": N_("Final review: refused"),
    "conversion.final_return": N_("Final review: returned"),
    "conversion.performance_agree": N_("Performance review: agreed"),
    "conversion.performance_refuse": N_("Performance review: refused"),
    "conversion.performance_return": N_("Performance review: returned"),
    "conversion.resubmit": N_("Correction submitted"),
    "conversion.withdraw": N_("Withdrawn"),
    "conversion.lapse": N_("Lapsed"),
    "conversion.assign": N_("Assigned to a committee"),
    "conversion.uphold_initial": N_("Appeal upheld"),
    "conversion.uphold_final": N_("Appeal upheld"),
    "conversion.reverse": N_("Reversed"),
    "conversion.doubted": N_("Under review: built on something reversed"),
    "conversion.confirmed": N_("Looked at again and let stand"),
}
#: Further texts of papers, named here so that the catalogues know them.
TEXTS = (
    N_("Bank's clock"),
    N_("Learner's clock"),
    N_("%(days)s working days"),
    N_("System"),
    N_("Appeal"),
    N_("Reversal"),
    N_("Initial review material"),
    N_("Related material"),
    N_("Originals seen"),
    N_("Appeal filed"),
    N_("Reversal proposed"),
    N_("Under review"),
    N_("All"),
    N_("Submitted from"),
    N_("Submitted to"),
    N_("Organisation"),
    N_("Committee"),
    N_("Recognition"),
    N_("Conversion"),
    N_("Counter-entry of No. %(number)s"),
    N_("Cases"),
    N_("Approved of those decided"),
    N_("Cases submitted per month"),
    N_("Month"),
    N_("What became of them"),
    N_("Outcome"),
    N_("Decisions by stage"),
    N_("Stage"),
    N_("Days from submission to decision"),
    N_("Calendar days on average, of the cases submitted in the month and decided since."),
    N_("Cases by home teaching point"),
    N_("Home teaching point"),
    N_("Others"),
)


class Words:
    """Texts in ``language`` (``zh`` or ``en``)."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, choice: Choice) -> str:
        return self.text(choice.label)

    def text(self, message: str) -> str:
        """A source string in this language."""
        return _catalogue(self.language).gettext(message)

    def action(self, action: str) -> str:
        """An act of the audit trail."""
        return self.text(ACTIONS[action]) if action in ACTIONS else action

    def named(self, row: Any) -> str:
        """A record with ``name_zh`` and ``name_en``."""
        return str(row.name_en if self.language == "en" else row.name_zh)

    def labelled(self, row: Any) -> str:
        """A record with ``label_zh`` and ``label_en``."""
        return str(row.label_en if self.language == "en" else row.label_zh)

    @staticmethod
    def day(moment: datetime) -> str:
        """The civil day."""
        return civil(moment).date().isoformat()


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("messages", _CATALOGUES, [language], fallback=True)
