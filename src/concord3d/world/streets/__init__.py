"""Streets: what stands and drives on them, and what a spinning LiDAR and six cameras on a vehicle see of them."""
