#pragma once

/* A file system (FUSE) whose server reads every question and answers none, on a directory. */
int serve_nothing(const char *directory);
