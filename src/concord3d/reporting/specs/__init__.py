"""What report.yaml may say."""
