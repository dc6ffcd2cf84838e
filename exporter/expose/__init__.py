"""What is shown of a snapshot: metrics, the JSON API, the page, and the server that answers them."""
