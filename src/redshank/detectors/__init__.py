"""Detectors: one algorithm a file, found by name through the entry points ``redshank.detectors``."""
