"""What an experiment folder holds, read strictly: a module for each kind of result."""
