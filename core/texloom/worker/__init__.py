# SPDX-License-Identifier: GPL-3.0-or-later
"""The background process: ``python -m texloom.worker``."""
