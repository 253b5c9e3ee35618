"""Kaldi data directories and what stands in them: utterances, columns, audio, transcripts, varieties, sources."""
