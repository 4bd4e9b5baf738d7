"""Eddy: streaming anomaly detection for payment transactions."""
