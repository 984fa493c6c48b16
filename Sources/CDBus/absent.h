// What stands in for functions that a client of local sockets does not need, or needs otherwise.
#pragma once

#include <stdint.h>

/// Whom the library says it is from now on (EXTERNAL, D-Bus specification, "Authentication Mechanisms"): in a user
/// namespace the bus outside sees another user id than the process does itself. -1: the effective user.
void cd_claim_user(int64_t user);
