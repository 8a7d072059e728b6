"""Zone transfers as bytes: requests, the messages of AXFR and IXFR, NOTIFY, and SOA queries."""
