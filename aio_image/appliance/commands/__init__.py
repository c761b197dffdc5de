"""One module a command of ``aio``; ``cli`` lists them and says what each has."""
