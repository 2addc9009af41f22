"""The click commands and the exit codes: words in, words out; nothing is decided here."""
