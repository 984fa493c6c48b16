/* What the process sees of itself and of the world around it. Each function writes one or more members of
   the report; a fact that cannot be had (no /proc, an old kernel) is null, never an error. */
#ifndef ASSERT_FACTS_H
#define ASSERT_FACTS_H

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* process.c */
void facts_before_anything(void); /* remembers what the program itself will change: its signal mask */
void facts_identity(char **argv); /* pid .. cwd, argv, env */
void facts_privileges(void);      /* capabilities, noNewPrivileges, seccomp, keyring */
void facts_limits(void);          /* rlimits, oomScoreAdj, umask */
void facts_scheduling(void);      /* policy, nice, I/O priority, affinity, personality */
void facts_descriptors(void);     /* every open descriptor and what it leads to */
void facts_terminal(void);        /* isatty, size, controlling terminal, /dev/console */

/* world.c */
void facts_names(void);   /* hostname, domainname, namespaces, time offsets, clocks */
void facts_mounts(void);  /* /proc/self/mountinfo, in its order */
void facts_dev(void);     /* nodes and links directly in /dev */
void facts_cgroups(void); /* /proc/self/cgroup and the limit files that can be seen */
void facts_network(void); /* names and flags of the network interfaces */

/* Owner, mode, type and device number of one path (not following a link), or its errno. */
void fact_path(const char *key, const char *path);

/* Reads a whole small file; returns its length or -1 with errno set. The text ends with a NUL. */
long read_file(const char *path, char *buffer, unsigned long size);

#endif
