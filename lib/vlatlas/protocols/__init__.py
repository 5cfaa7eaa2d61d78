"""Experimental set-ups that several papers share, so that their numbers stand in one table."""
