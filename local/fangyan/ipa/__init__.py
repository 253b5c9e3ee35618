"""How a text sounds: speech and IPA by espeak-ng, dictionaries, and the distance of two pronunciations."""
