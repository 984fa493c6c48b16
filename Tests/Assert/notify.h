/* What a service does to say that it is ready (sd_notify(3)). */
#pragma once

/* Sends each message to $NOTIFY_SOCKET as one datagram, with its commas as line ends. `BARRIER=1` goes with a descriptor,
   and waits until its receiver has closed it. Says how each went; gives the exit status. */
int notify_manager(char **messages);
