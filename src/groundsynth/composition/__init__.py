"""Class shares of every mask, and how they differ between populations."""
