"""An aligned tower's view of the objects of scans, less what the training scans have in common."""
