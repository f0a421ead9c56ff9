"""How often `/mesh why` names the right cause: known causes are injected into the sandbox, and what
is answered is compared with what was injected."""
