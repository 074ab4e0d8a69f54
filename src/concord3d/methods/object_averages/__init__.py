"""An aligned tower's view of the objects of scans, in the role of ULIP-2 and Point-Bind."""
