"""What may be fed to fit."""
