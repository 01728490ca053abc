"""Reporting: statistics and figures that the reports of all three packages share."""
