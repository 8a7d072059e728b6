"""The language of the control socket: words or JSON become commands. The client imports only this."""
