"""What a process may do is made less: capabilities, files, system calls, core dumps, its user.

Only the kernel is asked (prctl(2), capabilities(7), landlock(7), seccomp(2)); nothing here knows
what the server does.  `worker` puts together what an answering process loses, `user` what a server
loses that root started.
"""
