/* Programs whose life is saved and goes on elsewhere. None of them ends by itself. */
#pragma once

#include <stdbool.h>

/* Writes a number, always of ten digits, to the begin of a file again and again, one more each time. It is in memory only. */
int count_into(const char *path);

/* Listens at a TCP port of every address. A connection that is accepted gets back what it sends. */
int serve(int port, bool accepts);

/* Locks a file, which is made if need be, and keeps the lock. 11 (EAGAIN): somebody else has it. */
int lock_file(const char *path);

/* Connects a socket of datagrams to one that somebody else has at a path, and keeps it. */
int join_socket(const char *path);
