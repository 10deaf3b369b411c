# SPDX-License-Identifier: GPL-3.0-or-later
"""Interchangeable ways to get a request generated; all pass the same contract tests."""
