/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* An entry of the connection table; the native core reads it, too, to count what lives. */
#ifndef SOCKFLOW_ENTRY_H
#define SOCKFLOW_ENTRY_H

struct connection {
  __u64 sk; /* address of the socket; 0: the slot is free */
  __u64 cookie;
  __u64 start_ns;
  __u32 pid;
  __u32 process;
  __u32 handshake_us;
  __u32 reported_segments; /* at the last update record: an idle connection has none to report */
  __u8 role;
  __u8 attribution;
  __u8 flags;
  __u8 family; /* of an attempt, as the next two: the socket itself does not know yet */
  __u16 dialled_port;
  __u16 error;      /* that the program was told of before the end, and that the socket has forgotten by that */
  __u32 dialled[4]; /* network order; IPv4 in the first */
};

#endif
