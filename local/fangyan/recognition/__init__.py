"""What a trained model recognises: decoding, the character error rate, and CTC forced alignment."""
