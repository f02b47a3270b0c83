"""Bodies of the commands: they call the stages and print what came of it. They see all stages."""
