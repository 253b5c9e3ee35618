"""Features of every layer of an encoder, as Kaldi archives or in memory, and an encoder at one of its layers."""
