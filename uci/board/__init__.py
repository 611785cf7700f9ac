"""The board in the browser: a local server with an API, and the page that it serves."""
