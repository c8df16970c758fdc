"""Reading text: where lines stand (TextFinder), what they say (TextReader), and what a plate may say (alphabet)."""
