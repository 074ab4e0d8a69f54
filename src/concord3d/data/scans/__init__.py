"""What is made of the files of a scan before it is stored: votes, key frames, floorplans, CAD models."""
