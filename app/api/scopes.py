"""What a key may be allowed: every operation asks for exactly one of these.

A scope only narrows: what the account may do by its roles stands in the permission table and is asked as well.
"""

from __future__ import annotations

from app.kernel.choices import Choice, Choices
from app.kernel.errors import N_

SCOPES = Choices(
    Choice("catalogue:read", N_("Read the catalogue")),
    Choice("catalogue:write", N_("Add to the catalogue")),
    Choice("rules:read", N_("Read conversion rules")),
    Choice("learners:read", N_("Read learners")),
    Choice("achievements:read", N_("Read achievements")),
    Choice("applications:read", N_("Read applications")),
    Choice("decisions:read", N_("Read decisions")),
    Choice("decisions:write", N_("Attest originals and decide")),
)

#: For each scope a permission of the table: whoever holds it can use the scope.
NEEDS = {
    "catalogue:read": "CatalogueApi.list",
    "catalogue:write": "CatalogueApi.create",
    "rules:read": "RuleApi.list",
    "learners:read": "LearnerApi.list",
    "achievements:read": "AchievementApi.list",
    "applications:read": "ConversionApi.list",
    "decisions:read": "DecisionApi.list",
    "decisions:write": "ConversionApi.decide",
}
