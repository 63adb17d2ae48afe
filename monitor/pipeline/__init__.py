"""One run: due feeds → entries → articles → pages → clusters → assessments. Every step is saved before the next begins.

What is pending is a query on the store, so a killed run is healed by the next one: a document is kept whole or not at all, with
its validators; articles without a page, a cluster or an assessment get theirs.
"""
