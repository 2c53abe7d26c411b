"""Services as signed, versioned data, and the rules that judge them."""
