"""Alignment of whole scans: frames, points, floorplan and referral with what is known of the objects (CrossOver)."""
