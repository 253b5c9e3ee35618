"""An LLM as dual encoder of speech and text: trained on pairs of unit strings and texts (Gomez et al. 2024)."""
