"""What the corpora have in common: layouts on disk, tables read as streams, clips, and what is admitted."""
