"""The kinds of things on a host; one kind a module. None of them talks to the host itself."""
