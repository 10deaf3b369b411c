# SPDX-License-Identifier: GPL-3.0-or-later
"""Corpus, training and evaluation of the project's own models.  Needs torch."""
