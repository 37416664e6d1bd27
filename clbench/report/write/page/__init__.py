"""What the page of HTML is made of: its template, its style, its scripts, and the words and numbers in them."""
