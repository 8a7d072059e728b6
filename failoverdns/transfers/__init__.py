"""The transfer process: it has the TSIG keys and an image of every zone, for other name servers."""
