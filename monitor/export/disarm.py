"""DISARM techniques that a narrative may point to. Suggestions for an analyst: a text shows neither coordination nor intent."""

from __future__ import annotations

TECHNIQUES = {
    "T0003": "Leverage Existing Narratives",
    "T0022": "Leverage Conspiracy Theory Narratives",
    "T0023.001": "Reframe Context",
    "T0044": "Seed Distortions",
    "T0068": "Respond to Breaking News Event or Active Crisis",
    "T0075.001": "Discredit Credible Sources",
    "T0076": "Distort",
    "T0077": "Distract",
    "T0078": "Dismay",
    "T0079": "Divide",
    "T0118": "Amplify Existing Narrative",
}
# Only where the narrative itself does what the technique describes: twists the facts, accuses others of the same, frightens,
# sets groups against each other, tells of a secret plot. The rest get none.
SUGGESTED: dict[str, tuple[str, ...]] = {
    "fake_loyalty": ("T0076",),
    "crimea_always_russian": ("T0076",),
    "referendum_legitimacy": ("T0023.001",),
    "grateful_new_regions": ("T0076",),
    "crimean_tatar_threat": ("T0079",),
    "kyiv_terror": ("T0077",),
    "special_operation": ("T0023.001",),
    "ukraine_nazi": ("T0076",),
    "donbas_genocide": ("T0076",),
    "civil_war_not_aggression": ("T0023.001",),
    "ukraine_aggressor": ("T0077",),
    "west_provoked_war": ("T0077",),
    "biolabs_wmd": ("T0022", "T0078"),
    "russia_peacemaker": ("T0023.001",),
    "maidan_coup": ("T0022",),
    "artificial_state": ("T0076",),
    "western_puppet": ("T0022",),
    "ukraine_hopeless": ("T0078",),
    "ukrainian_crimes_staging": ("T0077",),
    "church_language_persecution": ("T0079",),
    "west_decay_divided": ("T0079",),
    "sanctions_backfire": ("T0078",),
    "nuclear_ww3_fear": ("T0078",),
}


def suggest_techniques(narrative: str) -> tuple[str, ...]:
    """Labels for a narrative, each saying that it is a suggestion."""
    return tuple(f"suggested DISARM {technique} {TECHNIQUES[technique]}" for technique in SUGGESTED.get(narrative, ()))
