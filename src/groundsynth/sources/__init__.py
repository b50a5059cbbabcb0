"""Where imagery and land-cover rasters come from: downloads, local rasters, a simulation."""
