"""Texts of Flask-AppBuilder that its Chinese catalogue lacks or has wrong; listed here so that ours completes it.

Ours is read after its own, so a text in both reads as ours says (spec 6). Most belong to pages that are not registered
here; whichever of them still comes up, by an exception or a subclass, comes up in Chinese.
"""

from __future__ import annotations

from app.kernel.errors import N_

MISSING = (
    N_("Add"),
    N_("Add Group"),
    N_("Are you sure you want to delete this item?"),
    N_("Contains (insensitive)"),
    N_("Database Error"),
    N_("Delete"),
    N_("Edit"),
    N_("Edit Group"),
    N_("Edit User Information"),
    N_("Either select a role or a group"),
    N_("Groups"),
    N_("In"),
    N_("List Groups"),
    N_(
        "Must have at least two capital letters, one special character, two digits,"
        " three lower case letters and a minimal length of 10."
    ),
    N_("Not In"),
    N_("OpenID"),
    N_("Show"),
    N_("Show Group"),
    N_("Sign In with "),
    N_("The user's password for authentication"),
    N_("User information changed"),
    N_("User(s) exists in the group, cannot delete"),
    N_("User(s) exists in the role, cannot delete"),
)
WRONG = (
    N_("Integrity error, probably unique constraint"),  # reads there as a missing value
    N_("User Registrations"),  # reads there as information about users
    N_("Starts with"),
    N_("Not Starts with"),
    N_("Ends with"),
    N_("Not Ends with"),
)
