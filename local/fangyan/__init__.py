"""fangyan: speech encoders in which the same meaning lands in the same place whichever Chinese variety is spoken."""

__version__ = "0.1.0"
