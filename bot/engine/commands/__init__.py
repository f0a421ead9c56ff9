"""Commands and buttons of people: who may give them, what carries them out, and the answer."""
